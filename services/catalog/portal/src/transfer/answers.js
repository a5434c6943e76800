// What an answer of the intake means for a file: try again, start anew, or stand refused with what to do.

const ADVICE = {
  file_too_large: "Réduisez la taille du fichier ou séparez-le en plusieurs documents.",
  empty_file: "Vérifiez le fichier sur votre ordinateur, puis choisissez-le de nouveau.",
  type_not_allowed: "Enregistrez le document en PDF, puis choisissez-le de nouveau.",
  type_mismatch: "Ouvrez le fichier sur votre ordinateur, enregistrez-le en PDF, puis choisissez-le de nouveau.",
  not_replaceable: "Actualisez la page : le document à remplacer a changé d’état.",
  invalid_filename: "Renommez le fichier, puis choisissez-le de nouveau.",
  unknown_contact: "Actualisez la page, puis choisissez de nouveau les contacts à alerter.",
  unknown_client: "Actualisez la page, puis choisissez de nouveau le client.",
  refused: "Vérifiez le fichier, puis choisissez-le de nouveau.",
};
const UNKNOWN = "Ce fichier n’a pas été accepté.";
// All bytes have arrived, and are being checked.
const PENDING = new Set(["verdict_pending", "verdict_late"]);
// The bytes came wrong or were lost: the same file may well be good.
const CAME_WRONG = new Set(["sha256_mismatch", "parts_lost"]);
// What is limited for all files alike; the other limits (bytes, unfinished uploads) are on new ones.
const ALIKE = new Set(["too_many_requests", "too_many_transfers"]);
// A broken line, a wait, another writer, a checksum of one request: the same request later may do.
const PASSING = new Set([408, 409, 425, 460]);

// `status` is 0 where no answer came. `problem` is the parsed body, if it was one of the services' own; `after` the
// milliseconds it told to wait; `whole` says that all bytes were sent.
// Says {kind: "line_lost" | "held_back" | "retrying" | "verifying" | "signed_out" | "anew" | "refused", problem, after,
// isDown}; `isDown` where every other file would be answered the same.
export function meaningOf({ status, problem, after, resumed, whole }) {
  if (status === 0) return { kind: "line_lost", isDown: true };
  if (status === 401) return { kind: "signed_out" };
  if (PENDING.has(problem?.code)) return { kind: "verifying" };
  // The answer to a HEAD has no body; of a file half sent, there is nothing yet to check.
  if (status === 423) return { kind: whole && problem === null ? "verifying" : "retrying", after };
  if (status === 429) return { kind: "held_back", after, isDown: ALIKE.has(problem?.code) };
  if (PASSING.has(status) || status >= 500) return { kind: "retrying", isDown: status >= 502 };
  if (CAME_WRONG.has(problem?.code)) return { kind: "anew", problem: refusal(problem) };
  if (resumed && [404, 410, 413].includes(status)) return { kind: "anew", problem: refusal(problem) };
  return { kind: "refused", problem: refusal(problem) };
}

// Only what the services say themselves is French; a gateway's own words are not shown.
function refusal(problem) {
  const code = problem?.code ?? "refused";
  return { code, text: problem?.detail || UNKNOWN, advice: ADVICE[code] ?? ADVICE.refused };
}
