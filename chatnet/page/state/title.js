/** @file The title of the window, and the badge of its icon. Pure. */

/**
 * @param {readonly import("./app.js").RoomRow[]} rooms
 * @param {string} name empty: nobody is logged in
 * @returns {import("./app.js").Title}
 */
export function titleOf(rooms, name) {
  const loud = rooms.filter(room => !room.isMuted);
  const mentions = loud.reduce((sum, room) => sum + room.mentions, 0);
  const isUnread = loud.some(room => room.unread > 0);
  const whose = name ? `${name} · chatnet` : "chatnet";
  if (mentions) return { title: `(${mentions > 99 ? "99+" : mentions}) ${whose}`, badge: mentions };
  return { title: isUnread ? `• ${whose}` : whose, badge: isUnread ? -1 : 0 };
}
