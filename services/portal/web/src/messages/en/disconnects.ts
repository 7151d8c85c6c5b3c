import { duration } from "../format";

export const disconnects = {
  // The form that schedules a session.
  returnedLimit: "Time given back after lost connections, in minutes",
  returnedLimitHint: "The most for each learner and assessment. With 0, the clock runs while a learner is offline.",

  // The learner's note.
  givenBack: (lost: number, returned: number) =>
    lost === returned
      ? `Your connection was lost for ${duration(lost)}. This time was given back.`
      : `Your connection was lost for ${duration(lost)}. In total, ${duration(returned)} were given back.`,

  // The proctor's panel.
  outageSince: (time: string) => `Offline since ${time}`,
  latestOutage: (seconds: number) => `Last offline for ${duration(seconds)}`,
  givenBackOf: (seconds: number, left: number) =>
    left > 0
      ? `${duration(seconds)} given back after lost connections, ${duration(left)} left`
      : `${duration(seconds)} given back after lost connections, nothing left`,
};
