package io.calm.serving.reply;

import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.TokenScore;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** One sequence of an answer as it is generated. Used by one thread at a time. */
public final class ReplySequence {
  private final Prompt prompt;
  private final int index;
  private final long seed;
  private final List<GeneratedToken> tokens = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private int cachedTokens;
  private List<TokenScore> promptScores = List.of();
  private List<List<TokenScore>> promptTop = List.of();
  private Optional<Finish.Reason> finish = Optional.empty();

  ReplySequence(Prompt prompt, int index, long seed) {
    this.prompt = prompt;
    this.index = index;
    this.seed = seed;
  }

  void promptRead(int cached) {
    cachedTokens = cached;
  }

  void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {
    promptScores = scores;
    promptTop = top;
  }

  void token(GeneratedToken token) {
    tokens.add(token);
    text.append(token.text());
  }

  void finish(Finish.Reason reason) {
    finish = Optional.of(reason);
  }

  public Prompt prompt() {
    return prompt;
  }

  /** Returns the index among all sequences of the request: prompt by prompt, choice by choice. */
  public int index() {
    return index;
  }

  public long seed() {
    return seed;
  }

  public List<GeneratedToken> tokens() {
    return Collections.unmodifiableList(tokens);
  }

  /** Returns the text so far. */
  public String text() {
    return text.toString();
  }

  /**
   * Returns the number of prompt tokens found in the prefix cache; 0 until the prompt has been
   * read.
   */
  public int cachedTokens() {
    return cachedTokens;
  }

  /** Returns the prompt's tokens with scores; empty if not requested. */
  public List<TokenScore> promptScores() {
    return promptScores;
  }

  public List<List<TokenScore>> promptTop() {
    return promptTop;
  }

  /** Returns the reason for the end, from the last token or the last event. */
  public Optional<Finish.Reason> reason() {
    return finish.or(
        () -> tokens.isEmpty() ? Optional.empty() : tokens.get(tokens.size() - 1).end());
  }

  /** Returns the sum of the tokens' log-probabilities. */
  public double logprob() {
    return tokens.stream().mapToDouble(token -> token.score().logprob()).sum();
  }
}
