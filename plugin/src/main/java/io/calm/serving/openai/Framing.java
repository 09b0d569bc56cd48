package io.calm.serving.openai;

/** The framing of a stream's chunks, and the shape of errors that goes with it. */
public enum Framing {
  /** Server-sent events ending with {@code [DONE]}; OpenAI's errors. */
  OPENAI,
  /** The same on DJL's routes, with DJL's errors. */
  DJL_EVENTS,
  /** One chunk per line and nothing else; DJL's errors. */
  DJL_LINES
}
