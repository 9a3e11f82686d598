import { describe, expect, test } from "vitest";
import { testSigner, testSite } from "../testing/test-site.js";
import { yes } from "../verdict.js";
import { openList } from "./open-list.js";

function nextPolicy() {
  const site = testSite();
  const client = site.client();
  const policy = new Uint8Array(site.policy(2));
  const announce = () =>
    client.offer("heartbeat", site.heartbeat({ ...site.first, policy: { version: 2, bytes: policy } }, 2), 0);
  return { site, client, policy, announce };
}

describe("lists opened in another thread (SAFETY R8)", () => {
  test("what was noted of bytes is taken, and not opened again", () => {
    const { client, policy, announce } = nextPolicy();
    announce();
    const opening = client.openingOf("policy");
    const verdict = openList("policy", policy, opening);
    if (!verdict.ok || verdict.value.kind !== "policy") throw new Error("the policy was refused");
    const noted = { ...verdict.value.list, siteName: "opened elsewhere" };
    client.noteOpened(policy, opening, yes({ kind: "policy", list: noted }));
    expect(client.offer("policy", policy, 0).outcome).toBe("accepted");
    expect(client.state.policy?.siteName).toBe("opened elsewhere");
  });

  test("what was opened with other keys is opened anew", () => {
    const { site, client, policy, announce } = nextPolicy();
    announce();
    const { root, site: id } = site;
    const stranger = { threshold: 1, keys: [testSigner("a stranger").publicKey] };
    const opening = { site: id, root: { ...root, roles: { ...root.roles, policy: stranger } } };
    const refused = openList("policy", policy, opening);
    expect(refused).toMatchObject({ ok: false, code: "SIGNER_UNTRUSTED" });
    client.noteOpened(policy, opening, refused);
    expect(client.offer("policy", policy, 0).outcome).toBe("accepted");
  });

  test("a list that waits is taken up again only once it was opened, and then with what announces it", () => {
    const { client, policy, announce } = nextPolicy();
    client.leaveOpening();
    const opening = client.openingOf("policy");
    expect(client.offer("policy", policy, 0).outcome).toBe("waiting");
    announce();
    expect(client.state.policy?.version).toBe(1);
    expect(client.unopened()).toEqual([{ name: "policy", bytes: policy }]);
    client.noteOpened(policy, opening, openList("policy", policy, opening));
    expect(client.unopened()).toEqual([]);
    expect(client.offer("policy", policy, 0).outcome).toBe("accepted");
    expect(client.state.policy?.version).toBe(2);
  });

  test("a list of an issuer that nobody vouches for waits until the trust list names it", () => {
    const site = testSite();
    const client = site.client();
    client.leaveOpening();
    const name = "status/00000001";
    expect(client.offer(name, site.status(2), 0).outcome).toBe("waiting");
    expect(client.unopened()).toEqual([]);
  });

  test("the same bytes again are repeated without a look inside", () => {
    const { site, client } = nextPolicy();
    const policy = site.policy(1);
    client.noteOpened(policy, client.openingOf("policy"), { ok: false, code: "OBJECT_MALFORMED" });
    expect(client.offer("policy", policy, 0).outcome).toBe("repeated");
  });

  test("each kind is opened by its name", () => {
    const { site, client } = nextPolicy();
    const kinds = [
      ["trust", site.trust()],
      ["policy", site.policy()],
      [site.listName, site.status()],
    ] as const;
    const opened = kinds.map(([name, bytes]) => openList(name, bytes, client.openingOf(name)));
    expect(opened.map((verdict) => verdict.ok && verdict.value.kind)).toEqual(["trust", "policy", "status"]);
    expect(openList("directory/ffffffff/0", new Uint8Array(1), client.openingOf("directory/ffffffff/0"))).toMatchObject(
      {
        code: "LIST_NOT_ANNOUNCED",
      },
    );
  });
});
