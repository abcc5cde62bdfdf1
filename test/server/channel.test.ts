import { describe, expect, test } from "bun:test";
import { MAIL_BYTES_MAX } from "../../src/core/limits.ts";
import { TopicChannel } from "../../src/server/channel.ts";

/** Two channels with wires for mail. */
function pair(): { channels: [TopicChannel, TopicChannel]; errors: unknown[] } {
  const errors: unknown[] = [];
  const make = () => new TopicChannel((error) => void errors.push(error));
  const channels: [TopicChannel, TopicChannel] = [make(), make()];
  for (const [index, channel] of channels.entries()) {
    const other = channels[1 - index]!;
    channel.port = {
      post(tag, first, second) {
        if (other.wants(tag)) other.receive(tag, Buffer.concat([first, second]), first.length);
        return true;
      },
    };
  }
  return { channels, errors };
}

describe("TopicChannel", () => {
  test("brings what is published to the topic's subscribers, here and there, alone", () => {
    const [here, there] = pair().channels;
    const heard: string[] = [];
    for (const [name, channel] of [["here", here] as const, ["there", there] as const]) {
      channel.subscribe("news", (payload, topic) => void heard.push(`${name} ${topic} ${payload}`));
      channel.subscribe("other", () => void heard.push("no"));
    }
    expect(here.publish("news", "one")).toBe(true);
    expect(there.publish("news", Uint8Array.of(50))).toBe(true);
    here.publish("nobody's", "");
    expect(heard.sort()).toEqual([
      "here news 2",
      "here news one",
      "there news 2",
      "there news one",
    ]);
  });

  test("refuses what is no bytes before anybody has got any of it", () => {
    const [here, there] = pair().channels;
    let calls = 0;
    for (const channel of [here, there]) channel.subscribe("a", () => void calls++);
    const wrong: unknown[] = [new ArrayBuffer(5), { length: 3 }, new Uint16Array(2), 5, null];
    for (const payload of [...wrong, undefined, [1]]) {
      expect(() => here.publish("a", payload as never)).toThrow(TypeError);
    }
    expect(calls).toBe(0);
    expect(() => here.subscribe("a", undefined as never)).toThrow(TypeError);
  });

  test("ends a subscription at once, also while it is about to be served", () => {
    const channel = new TopicChannel(() => {});
    const calls: string[] = [];
    const ends: (() => void)[] = [];
    ends.push(
      channel.subscribe("a", () => {
        calls.push("first");
        for (const end of ends) end();
        channel.subscribe("a", () => void calls.push("new"));
      }),
    );
    ends.push(channel.subscribe("a", () => void calls.push("ended")));
    channel.publish("a", "");
    expect(calls).toEqual(["first"]);
    channel.publish("a", "");
    expect(calls).toEqual(["first", "new"]);
  });

  test("ends a subscription, and only that one, even of the same handler", () => {
    const channel = new TopicChannel(() => {});
    let calls = 0;
    const handler = () => void calls++;
    const ends = [channel.subscribe("a", handler), channel.subscribe("a", handler)];
    channel.publish("a", "");
    expect(calls).toBe(2);
    ends[0]!();
    ends[0]!();
    channel.publish("a", "");
    expect(calls).toBe(3);
    ends[1]!();
    channel.publish("a", "");
    expect(calls).toBe(3);
    channel.subscribe("a", handler);
    ends[1]!(); // of an earlier topic of this name
    channel.publish("a", "");
    expect(calls).toBe(4);
  });

  test("lets a handler unsubscribe, subscribe and publish while it is called", () => {
    const channel = new TopicChannel(() => {});
    const heard: string[] = [];
    const end = channel.subscribe("a", (payload) => {
      end();
      channel.subscribe("a", (again) => void heard.push(`second ${again}`));
      heard.push(`first ${payload}`);
      channel.publish("a", "nested");
    });
    channel.publish("a", "outer");
    expect(heard).toEqual(["first outer", "second nested"]);
  });

  test("keeps topics of the same hash apart", () => {
    const channel = new TopicChannel(() => {});
    const heard: string[] = [];
    const names = ["topic 64957", "topic 990180"]; // the first two of that pattern: see tags
    for (const name of names) channel.subscribe(name, (_, topic) => void heard.push(topic));
    const tags: number[] = [];
    channel.port = { post: (tag) => (tags.push(tag), true) };
    for (const name of names) channel.publish(name, "");
    expect(tags[0]).toBe(tags[1]!);
    expect(heard).toEqual(names);
    for (const name of [...names].reverse()) {
      const bytes = Buffer.from(name);
      channel.receive(tags[0]!, bytes, bytes.length);
    }
    expect(heard.slice(2)).toEqual([...names].reverse());
    channel.receive(tags[0]!, Buffer.from("third"), 5);
    expect(heard.length).toBe(4);
  });

  test("reports what handlers throw or reject with, and goes on to the next one", async () => {
    const { channels, errors } = pair();
    const [here, there] = channels;
    let calls = 0;
    there.subscribe("a", () => raise("thrown"));
    there.subscribe("a", () => Promise.reject("rejected"));
    there.subscribe("a", () => void calls++);
    here.publish("a", "");
    await Promise.resolve();
    expect(errors.map(String)).toEqual(["Error: thrown", "rejected"]);
    expect(calls).toBe(1);
  });

  test("says false, and tells nobody here either, when another worker is too far behind", () => {
    const channel = new TopicChannel(() => {});
    channel.port = { post: () => false };
    let calls = 0;
    channel.subscribe("a", () => void calls++);
    expect(channel.publish("a", "x")).toBe(false);
    expect(calls).toBe(0);
  });

  test("refuses payloads and topics that are too long", () => {
    const channel = new TopicChannel(() => {});
    expect(() => channel.publish("a", new Uint8Array(MAIL_BYTES_MAX + 1))).toThrow(
      "Cannot publish 65537 bytes: at most 65536 at a time",
    );
    expect(channel.publish("a", new Uint8Array(MAIL_BYTES_MAX))).toBe(true);
    const long = "é".repeat(129);
    expect(() => channel.subscribe(long, () => {})).toThrow("Cannot use a topic of 258 bytes");
    expect(() => channel.publish(long, "")).toThrow(RangeError);
  });
});

function raise(text: string): never {
  throw new Error(text);
}
