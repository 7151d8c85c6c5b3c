const formats = "Choose a photo as JPEG, PNG or WebP.";

export const identity = {
  // The learner's side.
  theCheck: "the identity check",
  verified: "Identity verified",
  rejected: (reason: string) => `Your identity could not be verified from the photos. The reason: ${reason}`,
  rejectedWithoutPhotos: (reason: string) => `Your identity could not be verified. The reason: ${reason}`,
  rejectedNextTitle: "What you can do now:",
  rejectedNext: [
    "Stay in the session if you like: the course content is open to you while it is in progress. The assessment is not.",
    "Write to your administrator, with this reason. They can plan another session for you, in which your identity is checked again.",
  ],
  rejectedNextPhotos:
    "Have a valid document ready then, with the name under which you are registered, and take the photos in good light.",
  rejectedMeaning: "This says nothing about your answers or results, and a person decided it, not a machine.",
  expired: "The session ended before your identity was checked.",
  sentWaiting: "Sent: waiting for somebody to check your photos",
  withoutPhotos: "Your identity is checked without photos",
  withoutPhotosHint:
    "You need not send anything. A proctor of this session checks your identity in another way, and writes to you in the chat if something is needed.",
  checkRequested: (reason: string) => `A proctor asks you for an identity check: ${reason}`,
  checkedAgain: (reason: string) => `Your identity is checked again: ${reason}`,
  newPhotosNeeded: (reason: string) => `New photos are needed: ${reason}`,
  photoHint:
    "JPEG, PNG or WebP; a large photo is made smaller before it is sent. Only the proctors of this session and administrators can view your photos, and every access is recorded.",
  documentPhoto: "Photo of your identity document",
  selfiePhoto: "Photo of yourself, now",
  sent: "Sent",
  sending: "Sending your photo…",
  tooSlow:
    "The photo could not be sent within a minute. Send it again where the connection is better, or send a smaller one, taken with a lower resolution.",
  emptyFile: `This file is empty. ${formats}`,
  hugeFile: "This file is larger than 100 MiB, so it cannot be a photo. Choose another one.",
  heic: "This is a HEIC photo, which cannot be read here. On an iPhone or iPad choose Settings, Camera, Formats, Most Compatible and take the photo again; or open it on the computer and save it as JPEG.",
  notAPhoto: `This file is not a photo that can be read here. ${formats}`,
  tooLarge: "This photo is larger than 8 MiB, and your browser cannot make it smaller. Choose a smaller one.",

  // The proctor's side.
  check: "Check identity",
  checkOf: (name: string) => `of ${name}`,
  identityOf: (name: string) => `Identity of ${name}`,
  theCase: "the identity check",
  document: "Identity document",
  selfie: "Selfie",
  registration: "Registration",
  legalName: "Legal name",
  dateOfBirth: "Date of birth",
  unknown: "Not known",
  reason: "Reason (the learner reads it; not needed to verify)",
  noPhotos: "Check without photos",
  noPhotosHint:
    "This learner sends no photos. Check the identity in another way, for example in a conversation, and compare it with the registration. Then decide, and write down how you checked.",
  reasonWithoutPhotos: "How you checked, and the reason for your decision (the learner reads it)",
  verify: "Verify",
  requestNewPhotos: "Request new photos",
  reject: "Reject…",
  rejectConsequence:
    "The assessment stays closed for this learner in this session. This cannot be undone; requesting new photos can be repeated.",
  rejectConsequenceWithoutPhotos:
    "The assessment stays closed for this learner in this session. This cannot be undone.",
  rejectConfirm: "Reject now",
  rejectCancel: "Do not reject",
};
