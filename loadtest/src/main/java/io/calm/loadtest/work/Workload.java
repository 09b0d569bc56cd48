package io.calm.loadtest.work;

import io.calm.loadtest.client.Answer;
import io.calm.loadtest.client.Ask;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Draws requests. Some are reference requests, whose answers were recorded one at a time before the
 * load: under load the text must be the same. The others are new each time, so that the server
 * cannot know the beginning. Thread safe; which requests are drawn depends on the seed.
 */
public final class Workload {
  private final Mix mix;
  private final Random random;
  private final List<Ask> deck;
  private final Map<Ask, String> alone = new ConcurrentHashMap<>();

  /**
   * The mix of requests.
   *
   * @param words of a prompt
   * @param tokens of an answer
   * @param deck number of reference requests
   * @param checked share of reference requests in the load
   * @param hangUps share of clients that disconnect mid-stream
   * @param ignoreEos whether answers have all their tokens
   */
  public record Mix(
      Range words,
      Range tokens,
      int deck,
      double checked,
      double hangUps,
      boolean ignoreEos,
      long seed) {}

  /**
   * A request and what its client does.
   *
   * @param hangUpAfter events after which it goes away; empty: it stays
   */
  public record Request(Ask ask, OptionalInt hangUpAfter) {
    /** Returns a request whose client waits for the whole answer. */
    public static Request patient(Ask ask) {
      return new Request(ask, OptionalInt.empty());
    }
  }

  public Workload(Mix mix) {
    this.mix = mix;
    this.random = new Random(mix.seed());
    this.deck = Stream.generate(this::fresh).limit(mix.deck()).toList();
  }

  /** Returns the reference requests, whose answers are to be recorded. */
  public List<Ask> deck() {
    return deck;
  }

  /** Records the answer to a reference request. */
  public void learn(Ask ask, Answer answer) {
    alone.put(ask, answer.text());
  }

  /** Returns the text that the request got alone. */
  public Optional<String> expected(Ask ask) {
    return Optional.ofNullable(alone.get(ask));
  }

  /** Returns the next request of the load. */
  public synchronized Request next() {
    boolean known = !deck.isEmpty() && random.nextDouble() < mix.checked();
    Ask ask = known ? deck.get(random.nextInt(deck.size())) : fresh();
    boolean leaves = random.nextDouble() < mix.hangUps();
    return leaves
        ? new Request(ask, OptionalInt.of(random.nextInt(ask.maxTokens())))
        : Request.patient(ask);
  }

  /** Returns a new request of the mix. */
  public synchronized Ask fresh() {
    return fresh(mix.words(), mix.tokens());
  }

  /** Returns a new request of other lengths. */
  public synchronized Ask fresh(Range words, Range tokens) {
    return new Ask(Prompts.draw(words.draw(random), random), tokens.draw(random), mix.ignoreEos());
  }
}
