import { counted } from "./plurals";

export const conversations = {
  // The conversation of a learner and the proctors.
  title: "Chat with the proctors",
  titleOf: (name: string) => `Chat with ${name}`,
  theMessages: "the messages",
  open: "Chat",
  openWith: (name: string) => `with ${name}`,
  unread: (count: number) => `${count} unread`,
  close: "Close",
  none: "No messages yet.",
  showEarlier: "Show earlier messages",
  you: "You",
  proctor: "Proctor",
  administrator: "Administrator",
  toProctors: "Message to the proctors",
  toLearner: (name: string) => `Message to ${name}`,
  send: "Send",
  closed: "Messages are read-only now.",
  onlyProctors: "Only the proctors of this session and administrators can read your messages.",

  // Announcements.
  announcements: (count: number) => (count ? `Announcements (${count})` : "Announcements"),
  announcement: "Announcement",
  markRead: "I have read this",
  announceLabel: "Announcement to all learners",
  announce: "Send to all learners",
  announced: "The announcement is sent.",
  noAnnouncement: "No announcement was sent.",
  readBy: (read: number, of: number) => `Read by ${read} of ${counted(of, "learner")}`,
  allAnnouncements: (count: number) => `${counted(count, "announcement")} from the proctors`,
};
