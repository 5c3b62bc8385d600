// A fan-out by Socket.IO: what a user posts in a room goes to everybody who is in it. No log, no durability.
// `node socketio.js PORT` is the server.
import { createServer } from "node:http";
import { Server } from "socket.io";

let seq = 0;

const http = createServer();
const server = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});

server.on("connection", socket => {
  socket.on("join", (room, answer) => {
    socket.join(room);
    answer({});
  });
  socket.on("post", ({ user, room, text, key }, answer) => {
    seq += 1;
    server.to(room).emit("posts", [{ seq, time: Date.now(), kind: "post", user, room, text, key }]);
    answer({ seq });
  });
});

http.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 1024 });
