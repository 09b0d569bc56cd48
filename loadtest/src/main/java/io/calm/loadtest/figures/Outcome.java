package io.calm.loadtest.figures;

import io.calm.loadtest.client.Answer;
import java.util.Optional;

/** The result of checking an answer. */
public sealed interface Outcome {

  /** Whole, and the right text where that is known. */
  record Right() implements Outcome {}

  /** The client went away; what it had until then was right. */
  record HungUp() implements Outcome {}

  /** The server said that it is busy. */
  record Refused(String why) implements Outcome {}

  /** An error, or an answer that is not whole. */
  record Failed(String why) implements Outcome {}

  /** Another text than the same request got alone. */
  record Wrong(String why) implements Outcome {}

  /** No end within the client's timeout. */
  record Lost(String why) implements Outcome {}

  /** Returns whether the text of the answer was judged, and not only its end. */
  default boolean hasText() {
    return this instanceof Right || this instanceof HungUp || this instanceof Wrong;
  }

  /** Returns what is wrong. */
  default Optional<String> fault() {
    if (this instanceof Refused refused) {
      return Optional.of(refused.why());
    }
    if (this instanceof Failed failed) {
      return Optional.of(failed.why());
    }
    if (this instanceof Wrong wrong) {
      return Optional.of(wrong.why());
    }
    return this instanceof Lost lost ? Optional.of(lost.why()) : Optional.empty();
  }

  /**
   * Judges an answer.
   *
   * @param expected the text that the request got alone, where it is known
   */
  static Outcome of(Answer answer, Optional<String> expected) {
    if (answer.end() instanceof Answer.End.TimedOut) {
      return new Lost("no end after %d s".formatted(answer.nanos() / 1_000_000_000));
    }
    if (answer.end() instanceof Answer.End.Broken broken) {
      boolean busy = answer.status() == 429 || answer.status() == 503;
      return busy ? new Refused(broken.why()) : new Failed(broken.why());
    }
    boolean hungUp = answer.end() instanceof Answer.End.HungUp;
    String got = answer.text();
    if (expected.isPresent()) {
      String alone = expected.get();
      if (hungUp ? !alone.startsWith(got) : !alone.equals(got)) {
        return new Wrong("expected '%s' as alone, got '%s'".formatted(alone, got));
      }
    }
    return hungUp ? new HungUp() : new Right();
  }
}
