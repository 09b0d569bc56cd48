package io.calm.serving.openai;

/** How chunks of a stream are told apart, and the shape of errors that goes with it. */
public enum Framing {
  /** Server-sent events to the end {@code [DONE]}; OpenAI's errors. */
  OPENAI,
  /** The same on DJL's routes, with DJL's errors. */
  DJL_EVENTS,
  /** A chunk a line, nothing else; DJL's errors. */
  DJL_LINES
}
