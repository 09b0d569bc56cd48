package io.calm.cli.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A model whose logits depend on all tokens of a sequence so far. */
final class ToyModel implements LogitSource {
  private final int vocabulary;
  private final int blocks;
  private final Logits function;
  private final long prepared;
  private final int[] memory; // tokens by position in the KV blocks
  private int steps;

  /** Logits of the next token. */
  @FunctionalInterface
  interface Logits {
    float[] after(int[] tokens);
  }

  ToyModel(int vocabulary, Logits function) {
    this(vocabulary, 64, Long.MAX_VALUE, function);
  }

  ToyModel(int vocabulary, int blocks, long prepared, Logits function) {
    this.vocabulary = vocabulary;
    this.blocks = blocks;
    this.prepared = prepared;
    this.function = function;
    this.memory = new int[blocks * 64];
  }

  /** Returns a model with the probabilities {@code p} after every sequence. */
  static ToyModel constant(double... p) {
    float[] logits = new float[p.length];
    for (int i = 0; i < p.length; i++) {
      logits[i] = (float) Math.log(p[i]);
    }
    return new ToyModel(p.length, tokens -> logits);
  }

  int steps() {
    return steps;
  }

  @Override
  public int vocabulary() {
    return vocabulary;
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public long preparedTokens() {
    return prepared;
  }

  @Override
  public void prepare(List<ScoredPrompt> prompts) {
    Arrays.fill(memory, -1);
  }

  @Override
  public Rows step(StepPlan.Step step) {
    steps++;
    List<float[]> rows = new ArrayList<>();
    for (StepPlan.Piece piece : step.pieces()) {
      int[] table = piece.chunk().blocks();
      int[] tokens = piece.chunk().tokens();
      for (int i = 0; i < tokens.length; i++) {
        int position = piece.chunk().position() + i;
        memory[64 * table[position / 64] + position % 64] = tokens[i];
        if (piece.logits() > 0) {
          int[] sequence = new int[position + 1];
          for (int t = 0; t <= position; t++) {
            sequence[t] = memory[64 * table[t / 64] + t % 64];
          }
          rows.add(function.after(sequence));
        }
      }
    }
    return (index, buffer) -> rows.get(index);
  }

  @Override
  public void close() {
    // nothing is held
  }
}
