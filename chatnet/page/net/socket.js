/** @file The WebSocket to a worker. */

/** So many bytes may wait in it. */
const MOST_BUFFERED = 64 * 1024;

/**
 * @param {string} url
 * @param {import("../state/ports.js").SocketListener} listener
 * @returns {import("../state/ports.js").Socket}
 */
export function dial(url, listener) {
  const socket = new WebSocket(url);
  let isOver = false;
  const over = () => {
    isOver = true;
    socket.onopen = socket.onmessage = socket.onclose = null;
  };
  socket.onopen = () => listener.opened();
  socket.onmessage = event => {
    if (typeof event.data === "string") listener.message(event.data);
  };
  socket.onclose = event => {
    over();
    listener.closed(event.code);
  };
  return {
    send: text => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => {
      if (isOver) return;
      over();
      socket.close();
    },
    hasRoom: () => socket.bufferedAmount < MOST_BUFFERED,
  };
}
