// Makes the pictures of the four pages: light and dark, wide and narrow. `npm run screenshots`
// after a build; they lie under screenshots/ and are for people to look at.

import { test } from "vitest";
import { launchBrowser, picture, visit } from "./browser.ts";
import { approve, beginSignIn, matchNumber, openRequest, phoneReady, signedIn } from "./people.ts";
import { startServer } from "./server.ts";

const sizes = { wide: { width: 1440, height: 900 }, narrow: { width: 360, height: 740 } };

test("pictures of the pages", async () => {
  const server = await startServer();
  const browser = await launchBrowser();
  for (const [size, box] of Object.entries(sizes)) {
    for (const colours of ["light", "dark"]) {
      const visitor = await visit(browser, server.url, { ...box, dark: colours === "dark" });
      const take = async (page: Parameters<typeof picture>[0], name: string) =>
        await picture(page, `${name}-${size}-${colours}`);

      const phone = await visitor.open("/phone");
      await phoneReady(phone);
      await take(phone, "phone-locked");
      const login = await visitor.open("/login");
      await take(login, "login-start");
      await beginSignIn(login);
      const number = await matchNumber(login);
      await take(login, "login-asked");
      await openRequest(phone);
      await take(phone, "phone-request");
      await approve(phone, number);
      await signedIn(login);
      await take(login, "login-done");
      await login.close();
      await phone.close();

      const stage = await visitor.open("/");
      const frames = {
        login: stage.frameLocator('iframe[title="Login page"]'),
        phone: stage.frameLocator('iframe[title="Phone"]'),
      };
      await phoneReady(frames.phone);
      await beginSignIn(frames.login);
      const typed = await matchNumber(frames.login);
      await openRequest(frames.phone);
      await take(stage, "stage-asked");
      await approve(frames.phone, typed);
      await signedIn(frames.login);
      await take(stage, "stage-done");

      const console = await visitor.open("/console");
      await console.getByRole("main").waitFor();
      await take(console, "console");
      await visitor.close();
    }
  }
  await browser.close();
  await server.stop();
});
