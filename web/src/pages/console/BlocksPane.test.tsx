// @vitest-environment jsdom
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectAccessible, openDialogs } from "../../component/testkit";
import { problem, type TestServer } from "../../sdk/testing/server";
import { asked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { BlocksPane } from "./BlocksPane";
import { type Block, blockValue } from "./blocks";

let server: TestServer;
let blocks: Block[];

beforeEach(async () => {
  openDialogs();
  server = await openNetwork();
  blocks = [];
  server.on("GET /api/v1/blocks", () => ({ body: { blocks } }));
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

const block = (more: Partial<Block>): Block => ({
  id: "blk_1",
  kind: "number",
  label: "+371 ••• 23",
  at: "2026-05-04T10:00:00.000Z",
  by: "console 3fa9c1d2",
  ...more,
});
const choose = (kind: string) => userEvent.click(screen.getByRole("radio", { name: kind }));
const field = () => screen.getByRole("textbox");
const press = (name: string | RegExp) => userEvent.click(screen.getByRole("button", { name }));
const answer = async (name: string) =>
  userEvent.click(within(await screen.findByRole("dialog")).getByRole("button", { name }));

test("a number is blocked once it was asked, and stands in the list until it is lifted", async () => {
  server.on("POST /api/v1/blocks", () => {
    blocks = [block({})];
    return { status: 201, body: blocks[0] };
  });
  server.on("POST /api/v1/blocks/lift", () => {
    blocks = [];
    return { status: 204 };
  });
  render(<BlocksPane token="session-1" heard={0} />);
  expect(await screen.findByText(/^Nothing is blocked by hand/)).toBeTruthy();
  await userEvent.type(field(), "+371 2000-0123{Enter}");
  expect(
    await screen.findByRole("heading", { name: /^Block number.\+37120000123\?$/ }),
  ).toBeTruthy();
  expect(asked(server, "POST /api/v1/blocks")).toEqual([]);
  await expectAccessible();
  await answer("Block it");
  const list = await screen.findByRole("list", { name: "What is blocked" });
  expect(list.textContent).toMatch(/^number \+371\s•••\s23/);
  expect(screen.getByRole("status").textContent).toMatch(/^Blocked: number \+371\s•••\s23\.$/);
  expect(field()).toHaveProperty("value", "");
  const sent = asked(server, "POST /api/v1/blocks").map(({ body }) => body);
  expect(sent).toEqual([{ kind: "number", value: "+37120000123" }]);
  await expectAccessible();

  await press(/^Lift the block of number/);
  await answer("Lift it");
  await waitFor(() => expect(screen.queryByRole("list")).toBeNull());
  const lifted = asked(server, "POST /api/v1/blocks/lift").map(({ body }) => body);
  expect(lifted).toEqual([{ id: "blk_1" }]);
  await waitFor(() => expect(document.activeElement?.textContent).toBe("Blocks"));
});

test("what is no value, or is not blocked, is said at the field; trouble in the dialog", async () => {
  server.on("POST /api/v1/blocks", () =>
    problem(503, "unavailable", { detail: "Nothing was lost." }),
  );
  server.on("POST /api/v1/blocks/lift", () => problem(404, "not_found"));
  render(<BlocksPane token="session-1" heard={0} />);
  await choose("Prefix");
  await press("Block");
  expect(screen.getByRole("alert").textContent).toMatch(/^Write \+ and the first 2 to 8 digits/);
  expect(document.activeElement).toBe(field());
  await expectAccessible();
  await userEvent.type(field(), "+371 2000");
  expect(screen.queryByRole("alert")).toBeNull();
  await press("Lift");
  await answer("Lift it");
  await waitFor(() => expect(screen.getByRole("alert").textContent).toMatch(/^No block stands/));
  const lifted = asked(server, "POST /api/v1/blocks/lift").map(({ body }) => body);
  expect(lifted).toEqual([{ kind: "prefix", value: "+3712000" }]);
  await press("Block");
  await answer("Block it");
  const dialog = within(await screen.findByRole("dialog"));
  expect((await dialog.findByRole("alert")).textContent).toContain("Nothing was lost.");
  await answer("Do not block");
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("what somebody else has lifted meanwhile goes from the list", async () => {
  blocks = [block({})];
  server.on("POST /api/v1/blocks/lift", () => {
    blocks = [];
    return problem(404, "not_found");
  });
  render(<BlocksPane token="session-1" heard={0} />);
  await screen.findByRole("list", { name: "What is blocked" });
  await press(/^Lift the block of number/);
  await answer("Lift it");
  await waitFor(() => expect(screen.queryByRole("list")).toBeNull());
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.queryByRole("alert")).toBeNull();
});

test.each([
  ["number", "00371 2000 0123", "+37120000123"],
  ["number", "2000 0123", null],
  ["prefix", "+882", "+882"],
  ["prefix", "+371200001", null],
  ["country", " lv", "LV"],
  ["country", "Q1", null],
  ["country", "Latvia", null],
  ["user", " user-1 ", "user-1"],
  ["user", "", null],
  ["user", "x".repeat(129), null],
] as const)("a %s written as %j is %j", (kind, typed, value) => {
  expect(blockValue(kind, typed)).toBe(value);
});
