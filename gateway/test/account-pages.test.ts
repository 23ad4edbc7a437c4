import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway();
});
afterAll(() => test?.stop());

const pages = ["/account/verify-email", "/account/reset-password"] as const;

describe.each(pages)("%s", (path) => {
  it("is a page for everyone, that no other origin can script, frame or learn of", async () => {
    const response = await fetch(test.url + path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/);
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  });

  it("has no script or style of its own, and everything it loads is served here", async () => {
    const html = await (await fetch(test.url + path)).text();
    expect(html).not.toMatch(/<script[^>]*>[^<]|<style|style=|\son\w+=|https?:\/\//i);
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(loaded).toHaveLength(2);
    for (const each of loaded) {
      const response = await fetch(new URL(each, test.url + path));
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toMatch(/^text\/(css|javascript); charset=utf-8$/);
      expect((await response.text()).length).toBeGreaterThan(100);
    }
  });

  it("has the form for its purpose", async () => {
    const html = await (await fetch(test.url + path)).text();
    expect(html).toContain(`<form id="${path.split("/").at(-1)}" hidden>`);
    expect(html).not.toMatch(/<form[^>]*action=/);
  });
});

it("takes the token out of the address before it does anything, and never makes markup of text", async () => {
  const script = await (await fetch(`${test.url}/account/account.js`)).text();
  const cleared = script.indexOf('history.replaceState(null, "", location.pathname)');
  expect(cleared).toBeGreaterThan(0);
  expect(cleared).toBeLessThan(script.indexOf("fetch("));
  expect(script).not.toMatch(
    /innerHTML|outerHTML|insertAdjacent|document\.write|eval|localStorage|sessionStorage/,
  );
});

it("answers only reading, as everything else does", async () => {
  const response = await fetch(`${test.url}/account/reset-password`, { method: "POST", body: "token=x" });
  expect(response.status).toBe(405);
});
