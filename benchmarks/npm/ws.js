// A fan-out by `ws`: what a user posts in a room goes to everybody who is in it. No log, no durability.
// `node ws.js PORT` is the server.
import { WebSocketServer } from "ws";

/** @type {Map<string, Set<import("ws").WebSocket>>} */
const rooms = new Map();
let seq = 0;

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  perMessageDeflate: false,
  backlog: 1024,
});

server.on("connection", socket => {
  let joined = "";
  socket.on("message", data => {
    const message = JSON.parse(data.toString());
    switch (message.t) {
      case "join":
        joined = message.room;
        if (!rooms.has(joined)) rooms.set(joined, new Set());
        rooms.get(joined)?.add(socket);
        socket.send(JSON.stringify({ t: "ok", id: message.id }));
        break;
      case "post": {
        seq += 1;
        const { user, room, text, key } = message;
        const post = { seq, time: Date.now(), kind: "post", user, room, text, key };
        // Encoded once for all: as a Buffer, since a string would be encoded for each.
        const encoded = Buffer.from(JSON.stringify({ t: "posts", posts: [post] }));
        for (const listener of rooms.get(room) ?? []) listener.send(encoded, { binary: false });
        socket.send(JSON.stringify({ t: "ok", id: message.id, seq }));
      }
    }
  });
  socket.on("close", () => rooms.get(joined)?.delete(socket));
});
