// @vitest-environment jsdom
import {
  act,
  cleanup,
  configure,
  fireEvent,
  render,
  renderHook,
  screen,
  waitFor,
} from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { StatusBody } from "../../sdk";
import { proving } from "../../sdk/testing/bodies";
import { nodeSocket, type Peer, problem, TestServer } from "../../sdk/testing/server";
import { expectAccessible, openDialogs } from "../testkit";
import { SmartResendVerification } from "./SmartResendVerification";
import { useSmartResend } from "./useSmartResend";

// The countries are hundreds, and no test looks for one by its name.
configure({ asyncUtilTimeout: 5000, defaultIgnore: "script, style, option" });

const number = "+14155550123";
const send = "POST /api/onboarding/send-verification";
const check = "POST /api/v1/verifications/ver_1/check";
const resend = "POST /api/v1/verifications/ver_1/resend";
const change = "POST /api/onboarding/change-phone";

let server: TestServer;
const success = vi.fn();
const back = vi.fn();

beforeEach(async () => {
  server = await TestServer.start();
  vi.stubGlobal("WebSocket", nodeSocket);
  vi.spyOn(navigator, "languages", "get").mockReturnValue(["en-US"]);
  openDialogs();
  server.on("GET /api/onboarding/verification-status", () => ({ body: { status: "none" } }));
  server.on(send, () => ({
    status: 202,
    body: proving(1, { client_secret: "secret-1", message_key: "code.sent" }),
  }));
});
afterEach(async () => {
  cleanup();
  vi.unstubAllGlobals();
  sessionStorage.clear();
  localStorage.clear();
  success.mockClear();
  back.mockClear();
  await server.stop();
});

const draw = (more: { initialPhoneNumber?: string; locale?: string } = {}) =>
  render(
    <StrictMode>
      <SmartResendVerification
        baseUrl={server.baseUrl}
        fetchToken={async () => "user-token"}
        onVerificationSuccess={success}
        onBack={back}
        {...more}
      />
    </StrictMode>,
  );
const asked = (route: string) =>
  server.requests.filter(({ method, path }) => `${method} ${path.split("?")[0]}` === route);
const press = async (text: string | RegExp) => fireEvent.click(await screen.findByText(text));
const codeField = () => screen.findByLabelText<HTMLInputElement>("6-digit code");
const typeCode = async (code: string) =>
  fireEvent.change(await codeField(), { target: { value: code } });
const heard = (how: "polite" | "assertive") =>
  [...document.querySelectorAll(`[aria-live=${how}]`)].map((one) => one.textContent).join("");

/** A number was given and its code is out; the page follows it live. */
async function opened(more: Partial<StatusBody> = {}): Promise<Peer> {
  server.on(send, () => ({
    status: 202,
    body: proving(1, { client_secret: "secret-1", ...more }),
  }));
  draw({ initialPhoneNumber: number });
  await press("Send Code");
  await codeField();
  return await server.welcome("watcher", true);
}

const tell = (peer: Peer, seq: number, name: string, state: Partial<StatusBody>, more = {}) =>
  peer.send(
    "event",
    { name, at: new Date().toISOString(), state: proving(seq, state), ...more },
    { seq },
  );

test("a number is entered, its code typed, and the page told once", async () => {
  draw();
  const field = await screen.findByLabelText<HTMLInputElement>("Phone number");
  await waitFor(() => expect(screen.getByText("+1")).toBeTruthy());
  await expectAccessible();
  fireEvent.change(field, { target: { value: number } });
  await press("Send Code");
  // The press shows at once, before any answer.
  expect(screen.getByText("Sending…", { selector: "button *" }).closest("button")).toHaveProperty(
    "disabled",
    true,
  );
  await codeField();
  expect(asked(send).map(({ body }) => body)).toEqual([{ phone_number: number, locale: "en" }]);
  expect(screen.getByText("+1 415 555 0123").dir).toBe("ltr");
  expect(screen.getByText(/^It went to/, { selector: "p" })).toBeTruthy();
  expect(heard("polite")).toContain("Verification code sent.");
  await expectAccessible();

  server.on(check, ({ body }) => {
    const ok = body.code === "654321";
    const end = { status: "approved", method: "sms_code", result_token: "result-1" } as const;
    return { body: { ...proving(2, ok ? end : { attempts_remaining: 2 }), ok } };
  });
  await typeCode("111111");
  expect(screen.getByText("Checking…")).toBeTruthy();
  await screen.findByText(/That code is not right/, { selector: ".nod-code-error" });
  expect(heard("assertive")).toContain("2 tries left");
  await typeCode("654321");
  await screen.findByRole("heading", { name: "Number confirmed" });
  expect(heard("assertive")).toBe("Number confirmed");
  const proof = { verificationId: "ver_1", resultToken: "result-1" };
  await waitFor(() => expect(success.mock.calls).toEqual([[number, proof]]));
  await expectAccessible();
});

test("what happens elsewhere is shown live: sent, delivered, confirmed", async () => {
  const peer = await opened();
  const sms = { channel: "sms", delivery_id: "dlv_1" };
  tell(peer, 2, "delivery.accepted", {}, sms);
  const reach = await screen.findByRole("list", { name: "Where your code is" });
  await waitFor(() => expect(reach.querySelector(".nod-spoken")?.textContent).toBe("Sent"));
  tell(peer, 3, "delivery.delivered", {}, sms);
  await waitFor(() => expect(reach.querySelector(".nod-spoken")?.textContent).toBe("Delivered"));
  tell(peer, 4, "verification.approved", { status: "approved", method: "sms_code" });
  const result = { verification_id: "ver_1", status: "approved", result_token: "result-2" };
  peer.send("result", result, { seq: 4 });
  await screen.findByRole("heading", { name: "Number confirmed" });
  await waitFor(() => expect(success).toHaveBeenCalledTimes(1));
  expect(success.mock.calls[0]?.[1]).toEqual({ verificationId: "ver_1", resultToken: "result-2" });
});

test("a proof that cannot be read is tried again, and told once it is there", async () => {
  const peer = await opened();
  const status = "GET /api/onboarding/verification-status";
  const own = "GET /api/v1/verifications/ver_1";
  for (const route of [status, own]) server.on(route, () => problem(503, "unavailable"));
  const end = { status: "approved", method: "sms_code" } as const;
  tell(peer, 2, "verification.approved", end);
  peer.send("result", { verification_id: "ver_1", ...end }, { seq: 2 });
  await screen.findByRole("heading", { name: "Number confirmed" });
  expect((await screen.findByRole("alert")).textContent).toMatch(/^Busy for a moment/);
  expect(success).not.toHaveBeenCalled();
  await expectAccessible();
  server.on(own, () => ({ body: proving(2, { ...end, result_token: "result-3" }) }));
  await press("Try again");
  await waitFor(() => expect(success).toHaveBeenCalledTimes(1));
  expect(success.mock.calls[0]?.[1]).toEqual({ verificationId: "ver_1", resultToken: "result-3" });
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a proof that another window has redeemed is no failure here", async () => {
  const peer = await opened();
  const end = { status: "approved", method: "sms_code" } as const;
  server.on("GET /api/onboarding/verification-status", () => ({ body: proving(2, end) }));
  peer.close(4401);
  await screen.findByText(/You went on in another window already/);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(success).not.toHaveBeenCalled();
  await expectAccessible();
  await press("Back");
  expect(back).toHaveBeenCalledTimes(1);
});

test("without a network the code stays in its field, and the word goes when it is back", async () => {
  const body = proving(1);
  await opened(body);
  const online = globalThis.fetch;
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  await typeCode("123456");
  expect((await screen.findByRole("alert")).textContent).toMatch(/^No connection/);
  server.on("GET /api/v1/verifications/ver_1", () => ({ body }));
  vi.stubGlobal("fetch", online);
  fireEvent(window, new Event("online"));
  await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
  expect((await codeField()).value).toBe("123456");
  expect(screen.getByText("Confirm").closest("button")?.disabled).toBe(false);
});

test("each act of the hook stands by itself", async () => {
  const { result } = renderHook(() =>
    useSmartResend({
      baseUrl: server.baseUrl,
      fetchToken: () => "user-token",
      onVerificationSuccess: success,
    }),
  );
  await waitFor(() => expect(result.current.state.phase).toBe("entry"));
  const { send: ask, check: confirm, again } = result.current.act;
  expect(await act(() => ask(number))).toBe(true);
  const end = { status: "approved", method: "sms_code", result_token: "result-1" } as const;
  server.on(check, () => ({ body: { ...proving(2, end), ok: true } }));
  expect(await act(() => confirm("654321"))).toBe(true);
  await waitFor(() => expect(success).toHaveBeenCalledTimes(1));
  act(() => again());
  expect(result.current.state.phase).toBe("entry");
});

test("the resends go from the first to the last, then other ways stand there", async () => {
  await opened({ next_resend_at: null });
  server.on(resend, () => ({
    status: 202,
    body: proving(2, { resend_count: 1, message_key: "resend.another" }),
  }));
  await press("Resend Code (0/3)");
  expect(screen.getByText("Sending…", { selector: "button *" })).toBeTruthy();
  await screen.findByText(/^Resend in (1:00|0:59)$/);
  await screen.findByText(/Another verification code has been sent\./, { selector: "p" });
  cleanup();
  sessionStorage.clear();
  server.on(send, () => ({
    status: 202,
    body: proving(5, {
      client_secret: "secret-1",
      resend_count: 3,
      next_resend_at: null,
      message_key: "resend.final",
      can_change_phone: true,
      alternatives: [{ kind: "voice", label: "Call", available_in: 0 }],
    }),
  }));
  draw({ initialPhoneNumber: number });
  await press("Send Code");
  await screen.findByText(/Final verification code sent\./, { selector: "p" });
  expect(screen.getByText("Max Resends Reached").closest("button")?.disabled).toBe(true);
  await press("Get the code by a phone call");
  await waitFor(() => expect(asked(resend).at(-1)?.body).toEqual({ channel: "voice" }));
});

test("the wait is the server's, however wrong this clock is", async () => {
  const ahead = Date.now() + 3_600_000;
  const at = (seconds: number) => new Date(ahead + seconds * 1000).toISOString();
  await opened({ server_time: at(0), next_resend_at: at(60), expires_at: at(600) });
  await screen.findByText(/^Resend in (1:00|0:5\d)$/);
});

test("a refused resend says why and when it can be tried again", async () => {
  await opened({ next_resend_at: null });
  server.on(resend, () => problem(429, "cooldown", { retry_after: 30 }));
  await press("Resend Code (0/3)");
  const notice = await screen.findByRole("alert");
  expect(notice.textContent).toMatch(/^Not quite yet.*You can try again in 0:(30|29)\.$/);
  await expectAccessible();
});

test("the number is changed in a dialog that says at once what is wrong", async () => {
  await opened({ can_change_phone: true });
  await press("Change it");
  const dialog = await screen.findByRole("dialog", { name: "Use another number" });
  const field = dialog.querySelector("input") as HTMLInputElement;
  const submit = () => fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  const error = () => dialog.querySelector(".nod-field-error")?.textContent;
  await waitFor(() => expect(dialog.querySelectorAll("option").length).toBeGreaterThan(200));
  await expectAccessible();

  submit();
  expect(error()).toBe("Enter your phone number.");
  fireEvent.change(field, { target: { value: number } });
  submit();
  await waitFor(() => expect(error()).toMatch(/^This is the number we use already/));
  expect(asked(change)).toHaveLength(0);

  server.on(change, () => problem(409, "conflict"));
  fireEvent.change(field, { target: { value: "+4915123456789" } });
  expect(error()).toBeUndefined();
  submit();
  await waitFor(() => expect(error()).toMatch(/^The number cannot be changed yet/));

  server.on(change, () => ({
    status: 202,
    body: proving(1, { verification_id: "ver_2", client_secret: "secret-2" }),
  }));
  submit();
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  const numbers = { old_phone_number: number, new_phone_number: "+4915123456789" };
  expect(asked(change).at(-1)?.body).toEqual(numbers);
  await screen.findByText("+49 1512 3456789");
});

test("a reload goes on with the same code and sends nothing", async () => {
  await opened();
  cleanup();
  server.on("GET /api/v1/verifications/ver_1", () => ({ body: proving(1) }));
  draw({ initialPhoneNumber: number });
  expect(document.querySelector(".nod-resend")?.getAttribute("aria-busy")).toBe("true");
  const peer = await server.welcome("watcher", true);
  expect(peer.auth.client_secret).toBe("secret-1");
  await codeField();
  expect(asked(send)).toHaveLength(1);
});

test.each([
  [
    { stage: "locked", locked_until: new Date(Date.now() + 600_000).toISOString() },
    "Codes are paused",
  ],
  [{ stage: "awaiting_resend", attempts_remaining: 0 }, "That code can no longer be used"],
] as const)("where no code can be typed it says so: %j", async (more, title) => {
  server.on(send, () => ({
    status: 202,
    body: proving(1, { client_secret: "secret-1", ...more }),
  }));
  draw({ initialPhoneNumber: number });
  await press("Send Code");
  await screen.findByText(title);
  expect(heard("polite")).toContain(title);
  expect(screen.queryByLabelText("6-digit code")).toBeNull();
  await expectAccessible();
});

test.each([
  ["failed", "max_attempts", "No tries left"],
  ["failed", "undeliverable", "We could not reach this number"],
  ["expired", null, "Time ran out"],
  ["canceled", "phone_changed", "The number was changed"],
] as const)("%s (%s) reads: %s, and can be begun again", async (status, reason, title) => {
  const peer = await opened();
  tell(peer, 2, `verification.${status}`, { status, reason });
  peer.send("result", { verification_id: "ver_1", status, reason }, { seq: 2 });
  await screen.findByRole("heading", { name: title });
  expect(heard("assertive")).toContain(title);
  expect(success).not.toHaveBeenCalled();
  await expectAccessible();
  await press("Start again");
  expect((await screen.findByLabelText<HTMLInputElement>("Phone number")).value).toContain("415");
});

test("where nothing more can be done here it says whom to ask", async () => {
  const peer = await opened();
  const help = { kind: "support", label: "help@example.com", available_in: 0 } as const;
  const voice = { kind: "voice", label: "Call", available_in: 0 } as const;
  const end = { status: "failed", reason: "undeliverable" } as const;
  tell(peer, 2, "verification.failed", { ...end, alternatives: [voice, help] });
  peer.send("result", { verification_id: "ver_1", ...end }, { seq: 2 });
  const link = await screen.findByText<HTMLAnchorElement>("Ask for help: help@example.com");
  expect(link.href).toBe("mailto:help@example.com");
  expect(screen.queryByText("Get the code by a phone call")).toBeNull();
});

test("it sends nothing by itself, also where a code is out already", async () => {
  const status = "GET /api/onboarding/verification-status";
  server.on(status, () => ({ body: proving(1) }));
  server.on(send, () => ({ body: proving(1, { client_secret: "secret-1", reused: true }) }));
  draw({ initialPhoneNumber: number });
  await screen.findByText("This goes on in another window");
  fireEvent(window, new Event("online"));
  await waitFor(() => expect(asked(status)).toHaveLength(2));
  expect(asked(send)).toHaveLength(0);
  await press("Go on here");
  await screen.findByText(/^The code we sent before is still good/, { selector: "p" });
  expect(heard("polite")).toContain("we did not send another one");
  expect((await codeField()).disabled).toBe(false);
});

test("a reload while the server is away says so, and there is a way out", async () => {
  await opened();
  cleanup();
  server.refuseSockets = 503;
  const page = "GET /api/v1/verifications/ver_1";
  server.on(page, () => problem(503, "unavailable"));
  server.on(`${page}/events`, () => problem(503, "unavailable"));
  draw({ initialPhoneNumber: number });
  await waitFor(() => expect(document.querySelector("[role=alert]")?.textContent).toBeTruthy());
  await expectAccessible();
  await press("Back");
  expect(back).toHaveBeenCalledTimes(1);
});

test("a page that was drawn by a server takes the browser's language without a complaint", async () => {
  const part = (
    <SmartResendVerification
      baseUrl={server.baseUrl}
      fetchToken={() => "user-token"}
      onVerificationSuccess={success}
      onBack={back}
    />
  );
  const container = document.createElement("div");
  document.body.append(container);
  container.innerHTML = renderToString(part); // where Node's own language is English
  vi.spyOn(navigator, "languages", "get").mockReturnValue(["ar-EG"]);
  expect(container.querySelector(".nod-resend")?.getAttribute("aria-busy")).toBe("true");
  const complaint = vi.spyOn(console, "error");
  const onRecoverableError = vi.fn();
  render(part, { container, hydrate: true, onRecoverableError });
  await waitFor(() => expect(container.querySelector("[lang=ar] input[type=tel]")).toBeTruthy());
  expect(onRecoverableError).not.toHaveBeenCalled();
  expect(complaint).not.toHaveBeenCalled();
  container.remove();
});

test("Back leads from the code to the number, and from the number out", async () => {
  await opened();
  await press("Back");
  await screen.findByLabelText("Phone number");
  expect(back).not.toHaveBeenCalled();
  await press("Back");
  expect(back).toHaveBeenCalledTimes(1);
});

test("the part says its language and direction, and the SMS speaks it too", async () => {
  draw({ locale: "ar-EG", initialPhoneNumber: number });
  const part = await waitFor(() => {
    const found = document.querySelector<HTMLElement>(".nod-resend");
    expect(found?.lang).toBe("ar");
    return found as HTMLElement;
  });
  expect(part.dir).toBe("rtl");
  const field = await waitFor(() => {
    const found = part.querySelector<HTMLInputElement>("input[type=tel]");
    expect(found?.closest("[dir]")?.getAttribute("dir")).toBe("ltr");
    return found as HTMLInputElement;
  });
  fireEvent.submit(field.form as HTMLFormElement);
  await waitFor(() => expect(asked(send)[0]?.body).toMatchObject({ locale: "ar" }));
});
