package io.calm.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Keeps a generation's events, and fails on a second end or an event after it. */
final class Recorder implements GenerationListener {
  private final List<GeneratedToken> tokens = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private OptionalInt cached = OptionalInt.empty();
  private List<TokenScore> prompt = List.of();
  private Optional<Finish> finish = Optional.empty();

  @Override
  public synchronized void promptRead(int cachedTokens) {
    requireOpen();
    if (cached.isPresent() || !tokens.isEmpty() || !prompt.isEmpty()) {
      throw new AssertionError("a prompt was read again, or after other events");
    }
    cached = OptionalInt.of(cachedTokens);
  }

  @Override
  public synchronized void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {
    requireOpen();
    prompt = scores;
  }

  @Override
  public synchronized void token(GeneratedToken token) {
    requireOpen();
    if (token.index() != tokens.size()) {
      throw new AssertionError("token %d after %d".formatted(token.index(), tokens.size()));
    }
    tokens.add(token);
    text.append(token.text());
  }

  @Override
  public synchronized void finished(Finish reason) {
    requireOpen();
    finish = Optional.of(reason);
    notifyAll();
  }

  private void requireOpen() {
    if (finish.isPresent()) {
      throw new AssertionError("an event after the end");
    }
  }

  synchronized Finish awaitFinish() throws InterruptedException {
    while (finish.isEmpty()) {
      wait();
    }
    return finish.get();
  }

  synchronized List<Integer> ids() {
    return tokens.stream().map(token -> token.score().id()).toList();
  }

  synchronized List<GeneratedToken> tokens() {
    return List.copyOf(tokens);
  }

  /** Returns the tokens that the prompt had in the cache; empty before it was read. */
  synchronized OptionalInt cached() {
    return cached;
  }

  synchronized List<TokenScore> promptScores() {
    return prompt;
  }

  synchronized String text() {
    return text.toString();
  }

  synchronized Optional<Finish> finish() {
    return finish;
  }
}
