// A chat in many rooms on every core. Frames of UTF-8 text behind a two-byte length; an empty frame
// is a heartbeat, and who is silent for 90 s is gone. Members of a room may be connected to
// different workers: what one says is published once, and each worker passes it to its own members.
//
//   client   JOIN room name | SAY room text | LEAVE room
//   server   JOINED room worker | LEFT room | MESSAGE room name text | MISSED | ERROR text
//
//   bun run start -- ./examples/chat.ts        bun examples/chat-client.ts 127.0.0.1:9000 room name

import { type Channel, defineService, lengthField, tcp, type TcpConnection } from "millrace";

const WORD = /^[\p{L}\p{N}_.-]{1,32}$/u;
const ROOMS_PER_MEMBER_MAX = 16;
const FRAME_BYTES_MAX = 4096;

/** The rooms that a connection is in, with its name in each. */
type Member = TcpConnection<Map<string, string>>;

/** A room as one worker sees it: the members here, and the end of its subscription. */
interface Room {
  readonly members: Set<Member>;
  readonly end: () => void;
}

const rooms = new Map<string, Room>();
let channel: Channel;
let worker: number;

function join(member: Member, name: string, nick: string): void {
  const mine = member.data!;
  if (!WORD.test(name) || !WORD.test(nick))
    return refuse(member, "a room and a name, one word each");
  if (mine.size >= ROOMS_PER_MEMBER_MAX) return refuse(member, "too many rooms");
  let room = rooms.get(name);
  if (room === undefined) {
    const members = new Set<Member>();
    room = { members, end: channel.subscribe(name, (message) => passOn(members, message)) };
    rooms.set(name, room);
  }
  room.members.add(member);
  mine.set(name, nick);
  member.send(`JOINED ${name} ${worker}`);
}

/** The bytes are read where the other worker wrote them, and copied once to each connection. */
function passOn(members: ReadonlySet<Member>, message: Buffer): void {
  for (const member of members) {
    if (member.writable) member.send(message); // who reads too slowly is told by drain
  }
}

function say(member: Member, name: string, text: string): void {
  const nick = member.data!.get(name);
  if (nick === undefined) return refuse(member, `you are not in ${name}`);
  const message = Buffer.from(`MESSAGE ${name} ${nick} ${text}`);
  if (message.length > FRAME_BYTES_MAX) return refuse(member, "too long");
  if (!channel.publish(name, message)) refuse(member, "busy, say it again");
}

function leave(member: Member, name: string): boolean {
  const room = rooms.get(name);
  if (room === undefined || !room.members.delete(member)) return false;
  member.data!.delete(name);
  if (room.members.size === 0) {
    room.end();
    rooms.delete(name);
  }
  return true;
}

function refuse(member: Member, why: string): void {
  member.send(`ERROR ${why}`);
}

export default defineService({
  setup(context) {
    channel = context.channel;
    worker = context.index;
  },
  listeners: [
    tcp<Map<string, string>>({
      port: 9000,
      framing: lengthField({ bytes: 2, maxFrameBytes: FRAME_BYTES_MAX }),
      heartbeat: { intervalMs: 30_000, misses: 3 },
      open(member) {
        member.data = new Map();
      },
      message(member, frame) {
        const [, verb, room = "", rest = ""] = /^(\S+) ?(\S*) ?(.*)$/s.exec(frame.toString()) ?? [];
        if (verb === "SAY") say(member, room, rest);
        else if (verb === "JOIN") join(member, room, rest);
        else if (verb === "LEAVE" && leave(member, room)) member.send(`LEFT ${room}`);
        else refuse(member, "JOIN room name, SAY room text or LEAVE room");
      },
      drain(member) {
        member.send("MISSED");
      },
      close(member) {
        for (const name of member.data!.keys()) leave(member, name);
      },
    }),
  ],
});
