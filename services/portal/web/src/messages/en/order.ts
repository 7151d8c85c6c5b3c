export const order = {
  // The withdrawal of an authorisation.
  withdraw: "Withdraw",
  withdrawing: "Withdrawal on its way",
  alreadyStarted: "Already started, so the authorisation stays",
};
