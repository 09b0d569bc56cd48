package io.calm.loadtest.client;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The response to one request. Times are {@link System#nanoTime} of the arrival of a line.
 *
 * @param startMillis wall clock when it was sent
 * @param status of HTTP; 0 where no answer came
 * @param arrivals of events that carried text; a token without text of its own has none
 * @param first arrival of the first event of the answer
 * @param tokens generated, as the server counted
 * @param finishReason in the server's words
 */
public record Answer(
    long startMillis,
    long startNanos,
    long endNanos,
    int status,
    String text,
    List<Long> arrivals,
    OptionalLong first,
    OptionalInt tokens,
    Optional<String> finishReason,
    End end) {

  /** The end of the exchange. */
  public sealed interface End {
    /** The server ended it, as the schema asks. */
    record Complete() implements End {}

    /** The client went away, as it was told to. */
    record HungUp() implements End {}

    /** The client timed out: the request is lost. */
    record TimedOut() implements End {}

    /** The server refused, failed, or sent what the schema does not have. */
    record Broken(String why) implements End {}
  }

  /** Returns the time to the first event of the answer. */
  public OptionalLong firstTokenNanos() {
    return first.isPresent()
        ? OptionalLong.of(first.getAsLong() - startNanos)
        : OptionalLong.empty();
  }

  public long nanos() {
    return endNanos - startNanos;
  }

  /** Returns tokens an event: what one arrival counts in a rate. */
  public double weight() {
    return tokens.isPresent() && !arrivals.isEmpty()
        ? (double) tokens.getAsInt() / arrivals.size()
        : 1;
  }
}
