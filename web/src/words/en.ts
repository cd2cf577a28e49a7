/** All words of the pages. The keys are the type that the other languages are held to. */
export const en = {
  show_all: "Show all ({n} more characters)",
  unreachable: "The server does not answer. Is it still running?",
};
