import type { Dict } from '../../wamp/options.js';

/** The answer to one CHALLENGE. */
export interface ChallengeAnswer {
  readonly signature: string;
  readonly extra: Dict;
}

/** One way to log in. A login serves one session. */
export interface LoginMethod {
  /** The name that HELLO.Details.authmethods has. */
  readonly method: string;
  readonly authid?: string;
  /** HELLO.Details.authextra. */
  readonly authextra?: Dict;
  /** Errors: LoginError. Absent: the method has no CHALLENGE. */
  answer?(extra: Dict): ChallengeAnswer | Promise<ChallengeAnswer>;
  /** Checks what the router proves in WELCOME.Details.authextra. Errors: LoginError. */
  verify?(authextra: Dict): void;
}

/** The login cannot go on. The message never contains a secret. */
export class LoginError extends Error {
  override readonly name = 'LoginError';
}
