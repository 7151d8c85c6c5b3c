export const notifications = {
  title: "Messages",
  yourMessages: "your messages",
  none: "You have no messages yet.",
  markAllRead: "Mark all as read",
  new: "New",
  showOlder: "Show older messages",
  toResults: "Go to your results",
  toSession: "Go to the session",
  enterCode: "Enter Enrollment Code",
};
