package io.calm.generate;

import io.calm.model.ModelSpec;
import io.calm.runtime.ChunkRefusedException;
import io.calm.runtime.Decoder;
import io.calm.runtime.KvMemoryException;
import io.calm.runtime.StepFailedException;
import io.calm.runtime.StepSize;
import io.calm.testing.LogitRows;
import io.calm.testing.TokenMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * A decoder whose logits are a hash of all tokens that it finds in the sequence's blocks, above all
 * of the last two, and which fails on demand. It notes what the scheduler owes to {@link Decoder}
 * and does not give.
 */
final class HashDecoder implements Decoder {
  static final int VOCABULARY = 24;

  /** A token that makes its chunk refused, by its number. */
  static final int REFUSED = VOCABULARY;

  /** A token with logits that are not finite. */
  static final int NOT_FINITE = VOCABULARY + 1;

  /** A token that makes every step with it throw, without naming the chunk. */
  static final int POISON = VOCABULARY + 2;

  private final SchedulerSettings settings;
  private final RandomGenerator failures;
  private final double failureRate;
  private final TokenMemory memory = new TokenMemory();
  private final List<String> violations = new ArrayList<>();
  private int steps;
  private int stepsDone;
  private boolean failed;
  private boolean closed;
  private final Set<Integer> backed = new HashSet<>();
  private int maxBacked = Integer.MAX_VALUE;
  private int stepsWithoutMemory;

  HashDecoder(SchedulerSettings settings, RandomGenerator failures, double failureRate) {
    this.settings = settings;
    this.failures = failures;
    this.failureRate = failureRate;
  }

  static float[] logits(List<Integer> tokens) {
    return logits(tokens.stream().mapToInt(Integer::intValue).toArray(), tokens.size());
  }

  private static float[] logits(int[] tokens, int length) {
    long all = hash(tokens, 0, length);
    long lastTwo = hash(tokens, Math.max(0, length - 2), length);
    float[] logits = new float[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++) {
      logits[i] = 0.2f * logit(all + i) + 0.8f * logit(lastTwo + i);
    }
    return logits;
  }

  private static long hash(int[] tokens, int from, int to) {
    long hash = 17;
    for (int i = from; i < to; i++) {
      hash = hash * 1_000_003 + tokens[i];
    }
    return hash;
  }

  private static float logit(long hash) {
    long z = hash * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 29)) * 0xBF58476D1CE4E5B9L;
    return (z >>> 40) / (float) (1 << 22);
  }

  @Override
  public ModelSpec spec() {
    throw new UnsupportedOperationException("the scheduler has no need of it");
  }

  @Override
  public int blocks() {
    return settings.blocks();
  }

  @Override
  public List<List<Logits>> step(List<Chunk> chunks) {
    steps++;
    failed = true;
    check(chunks);
    refuse(chunks);
    takeMemory(chunks);
    failSometimes(chunks);
    failWherePoisoned(chunks);
    failed = false;
    stepsDone++;
    chunks.forEach(memory::store);
    return chunks.stream().map(this::rows).toList();
  }

  private List<Logits> rows(Chunk chunk) {
    int[] tokens = memory.tokens(chunk, chunk.end());
    require(
        Arrays.stream(tokens).noneMatch(token -> token == TokenMemory.NOTHING),
        "a table with tokens that were never stored");
    return LogitRows.wanted(chunk, i -> logits(tokens, chunk.position() + i + 1));
  }

  private void check(List<Chunk> chunks) {
    require(!chunks.isEmpty(), "an empty step");
    require(chunks.size() <= settings.maxRunning(), "more sequences than may run");
    int tokens = chunks.stream().mapToInt(chunk -> chunk.tokens().length).sum();
    require(tokens <= Math.max(settings.stepTokens(), chunks.size()), "too many tokens");
    StepSize largest = settings.largestStep();
    int logits =
        chunks.stream().mapToInt(chunk -> chunk.tokens().length - chunk.firstWanted()).sum();
    require(
        tokens <= largest.rows() && chunks.size() <= largest.chunks() && logits <= largest.logits(),
        "a step beyond the largest");
    Map<Integer, Integer> users = new HashMap<>();
    for (Chunk chunk : chunks) {
      Arrays.stream(chunk.blocks()).forEach(block -> users.merge(block, 1, Integer::sum));
      require(
          Arrays.stream(chunk.blocks()).distinct().count() == chunk.blocks().length,
          "a block twice in a table");
    }
    for (Chunk chunk : chunks) {
      for (int i = chunk.position() / BLOCK_TOKENS; i < chunk.blocks().length; i++) {
        require(users.get(chunk.blocks()[i]) == 1, "a block is written that another uses");
      }
    }
    require(
        users.keySet().stream().allMatch(block -> block >= 0 && block < settings.blocks()),
        "a block that there is not");
  }

  /** Has memory for so many blocks from now on. */
  void memoryFor(int blocks) {
    maxBacked = blocks;
  }

  private void takeMemory(List<Chunk> chunks) {
    for (Chunk chunk : chunks) {
      for (int block : chunk.blocks()) {
        if (backed.size() < maxBacked) {
          backed.add(block);
        } else if (!backed.contains(block)) {
          stepsWithoutMemory++;
          Set<Integer> without = new HashSet<>();
          IntStream.range(0, settings.blocks())
              .filter(b -> !backed.contains(b))
              .forEach(without::add);
          throw new KvMemoryException(
              "no memory for one more block", without, new OutOfMemoryError("none"));
        }
      }
    }
  }

  private static void refuse(List<Chunk> chunks) {
    for (int i = 0; i < chunks.size(); i++) {
      if (has(chunks.get(i), REFUSED)) {
        throw new ChunkRefusedException(i, "expected another token");
      }
    }
  }

  private void failWherePoisoned(List<Chunk> chunks) {
    if (chunks.stream().anyMatch(chunk -> has(chunk, POISON))) {
      chunks.forEach(memory::spoil);
      throw new ArrayIndexOutOfBoundsException("poison");
    }
    Set<Integer> which = new HashSet<>();
    for (int i = 0; i < chunks.size(); i++) {
      if (has(chunks.get(i), NOT_FINITE)) {
        which.add(i);
      }
    }
    if (!which.isEmpty()) {
      chunks.forEach(memory::spoil);
      throw new StepFailedException("block 3 down: NaN", which);
    }
  }

  private static boolean has(Chunk chunk, int token) {
    return Arrays.stream(chunk.tokens()).anyMatch(t -> t == token);
  }

  private void failSometimes(List<Chunk> chunks) {
    if (failures.nextDouble() < failureRate) {
      chunks.forEach(memory::spoil);
      if (failures.nextBoolean()) {
        throw new StackOverflowError("the whole step failed");
      }
      throw new IllegalStateException("the whole step failed");
    }
    if (failures.nextDouble() < failureRate) {
      Set<Integer> which = new HashSet<>();
      for (int i = 0; i < chunks.size(); i++) {
        if (failures.nextBoolean()) {
          which.add(i);
        }
      }
      if (!which.isEmpty()) {
        chunks.forEach(memory::spoil);
        throw new StepFailedException("block 3 down: NaN", which);
      }
    }
  }

  int steps() {
    return steps;
  }

  /** Returns how many steps named a block for which there was no memory. */
  int stepsWithoutMemory() {
    return stepsWithoutMemory;
  }

  /** Returns how many steps failed. */
  int stepsFailed() {
    return steps - stepsDone;
  }

  /** Returns whether the last step failed. */
  boolean failed() {
    return failed;
  }

  boolean closed() {
    return closed;
  }

  /** Returns what the scheduler did wrong. */
  List<String> violations() {
    return violations;
  }

  @Override
  public void close() {
    closed = true;
  }

  private void require(boolean condition, String message) {
    if (!condition) {
      violations.add(message);
      throw new AssertionError(message);
    }
  }
}
