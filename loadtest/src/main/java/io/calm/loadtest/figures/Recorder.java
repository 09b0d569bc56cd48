package io.calm.loadtest.figures;

import io.calm.loadtest.client.Answer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts and times the answers of one part of the run. Thread safe. */
public final class Recorder {
  private final Map<Class<? extends Outcome>, LongAdder> outcomes = new ConcurrentHashMap<>();
  private final LongAdder started = new LongAdder();
  private final LongAdder ended = new LongAdder();
  private final LongAdder compared = new LongAdder();
  private final LongAdder tokens = new LongAdder();
  private final LongAdder answerNanos = new LongAdder();
  private final Samples firstTokens = new Samples();
  private final Samples gaps = new Samples();
  private final TokenRate rate = new TokenRate(System.nanoTime());

  public void started() {
    started.increment();
  }

  /**
   * Takes the end of a request.
   *
   * @param known whether the right text was known; an answer with text was then compared with it
   */
  public void ended(Answer answer, Outcome outcome, boolean known) {
    outcomes.computeIfAbsent(outcome.getClass(), kind -> new LongAdder()).increment();
    if (outcome instanceof Outcome.Right) {
      tokens.add(answer.tokens().orElse(0));
      answerNanos.add(answer.nanos());
    }
    if (known && outcome.hasText()) {
      compared.increment();
    }
    answer.firstTokenNanos().ifPresent(firstTokens::add);
    List<Long> arrivals = answer.arrivals();
    for (int i = 0; i < arrivals.size(); i++) {
      rate.add(arrivals.get(i), answer.weight());
      if (i > 0) {
        gaps.add(arrivals.get(i) - arrivals.get(i - 1));
      }
    }
    ended.increment();
  }

  public long count(Class<? extends Outcome> kind) {
    LongAdder count = outcomes.get(kind);
    return count == null ? 0 : count.sum();
  }

  public long startedRequests() {
    return started.sum();
  }

  /** Returns the requests that have not ended. */
  public long open() {
    return started.sum() - ended.sum();
  }

  /** Returns the answers that were compared with the right text. */
  public long comparedAnswers() {
    return compared.sum();
  }

  /** Returns the tokens of whole answers. */
  public long tokens() {
    return tokens.sum();
  }

  /** Returns tokens per second while an answer was in flight: of one stream if there is one. */
  public double streamRate() {
    return (double) tokens.sum() / ((double) answerNanos.sum() / 1e9);
  }

  public Samples firstTokens() {
    return firstTokens;
  }

  public Samples gaps() {
    return gaps;
  }

  public TokenRate rate() {
    return rate;
  }
}
