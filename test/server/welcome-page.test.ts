import { expect, test } from "bun:test";
import { WELCOME_PAGE } from "../../src/server/welcome-page.ts";

test("WELCOME_PAGE is a whole page that asks nobody else for anything", () => {
  expect(WELCOME_PAGE).toStartWith("<!doctype html>");
  expect(WELCOME_PAGE.trimEnd()).toEndWith("</html>");
  expect(WELCOME_PAGE).toMatch(/<html lang="\w+"/);
  expect(WELCOME_PAGE).toMatch(/<meta charset="utf-8"/i);
  expect(WELCOME_PAGE).toContain("<title>");
  expect(WELCOME_PAGE).not.toMatch(/(?:src|href)="https?:/);
});
