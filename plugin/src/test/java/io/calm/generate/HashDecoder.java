package io.calm.generate;

import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.StepFailedException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * A decoder whose logits are a hash of all tokens of the sequence so far, and which fails on
 * demand. It checks what the scheduler owes to {@link Decoder}, and counts what is open.
 */
final class HashDecoder implements Decoder {
  static final int VOCABULARY = 24;

  private final SchedulerSettings settings;
  private final RandomGenerator failures;
  private final double failureRate;
  private final Set<Memory> open = new HashSet<>();
  private final Set<Memory> spoiled = new HashSet<>();
  private int steps;
  private boolean closed;

  HashDecoder(SchedulerSettings settings, RandomGenerator failures, double failureRate) {
    this.settings = settings;
    this.failures = failures;
    this.failureRate = failureRate;
  }

  /** Keys and values of the fake: the tokens themselves. */
  private final class Memory implements Sequence {
    private final int capacity;
    private final List<Integer> tokens = new ArrayList<>();

    Memory(int capacity) {
      this.capacity = capacity;
      open.add(this);
    }

    @Override
    public int length() {
      return tokens.size();
    }

    @Override
    public int capacity() {
      return capacity;
    }

    @Override
    public void close() {
      require(open.remove(this), "a sequence was closed twice");
      spoiled.remove(this);
    }
  }

  static float[] logits(List<Integer> tokens) {
    long hash = 17;
    for (int token : tokens) {
      hash = hash * 1_000_003 + token;
    }
    float[] logits = new float[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++) {
      long z = (hash + i) * 0x9E3779B97F4A7C15L;
      z = (z ^ (z >>> 29)) * 0xBF58476D1CE4E5B9L;
      logits[i] = (z >>> 40) / (float) (1 << 22);
    }
    return logits;
  }

  @Override
  public ModelSpec spec() {
    throw new UnsupportedOperationException("the scheduler has no need of it");
  }

  @Override
  public Sequence newSequence(int capacity) {
    Memory memory = new Memory(capacity);
    require(open.size() <= settings.maxRunning(), "more sequences than may run");
    require(
        open.stream().mapToInt(Memory::capacity).sum() <= settings.kvTokens(),
        "more keys and values than the budget");
    return memory;
  }

  @Override
  public List<float[][]> step(List<Chunk> chunks) {
    steps++;
    require(!chunks.isEmpty(), "an empty step");
    Set<Sequence> seen = new HashSet<>();
    int tokens = 0;
    for (Chunk chunk : chunks) {
      require(seen.add(chunk.sequence()), "a sequence twice in a step");
      require(open.contains(chunk.sequence()), "a closed sequence in a step");
      require(!spoiled.contains(chunk.sequence()), "a failed sequence in a step");
      tokens += chunk.tokens().length;
    }
    require(
        tokens <= Math.max(settings.stepTokens(), settings.maxRunning() + 1), "too many tokens");
    failSometimes(chunks);
    List<float[][]> rows = new ArrayList<>();
    chunks.forEach(chunk -> rows.add(append(chunk)));
    return rows;
  }

  private void failSometimes(List<Chunk> chunks) {
    if (failures.nextDouble() < failureRate) {
      throw new IllegalStateException("the whole step failed");
    }
    if (failures.nextDouble() < failureRate) {
      Set<Sequence> failed = new HashSet<>();
      for (Chunk chunk : chunks) {
        if (failures.nextBoolean()) {
          failed.add(chunk.sequence());
          spoiled.add((Memory) chunk.sequence());
        }
      }
      if (!failed.isEmpty()) {
        throw new StepFailedException("block 3 down: NaN", failed);
      }
    }
  }

  private static float[][] append(Chunk chunk) {
    Memory memory = (Memory) chunk.sequence();
    List<float[]> rows = new ArrayList<>();
    for (int token : chunk.tokens()) {
      memory.tokens.add(token);
      rows.add(logits(memory.tokens));
    }
    require(memory.tokens.size() <= memory.capacity, "more tokens than the capacity");
    return switch (chunk.wanted()) {
      case NONE -> new float[0][];
      case LAST -> new float[][] {rows.get(rows.size() - 1)};
      case ALL -> rows.toArray(float[][]::new);
    };
  }

  int steps() {
    return steps;
  }

  int open() {
    return open.size();
  }

  boolean closed() {
    return closed;
  }

  @Override
  public void close() {
    require(open.isEmpty(), "the decoder was closed before its sequences");
    closed = true;
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new AssertionError(message);
    }
  }
}
