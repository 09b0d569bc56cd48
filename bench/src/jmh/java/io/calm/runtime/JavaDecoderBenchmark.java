package io.calm.runtime;

import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences.Sequence;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Measures the tokens per second of the Java decoder with random weights of SmolLM2-135M's shape. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class JavaDecoderBenchmark {
  private static final int PROMPT = 256;
  private static final int GENERATED = 32;
  private static final ModelSpec SMOLLM2 =
      new ModelSpec(
          "llama",
          576,
          30,
          9,
          3,
          64,
          1536,
          49152,
          8192,
          1e-5f,
          new RopeSpec(100000f, new RopeSpec.None()),
          false,
          Set.of(),
          false,
          Collections.nCopies(30, 0));

  @Param({"1", "2"})
  public int threads;

  private JavaDecoder decoder =
      new JavaDecoder(
          RandomModels.model(
              RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(1)),
          KvType.FLOAT16,
          1,
          1);
  private DecoderSequences sequences = new DecoderSequences(decoder);
  private final int[] prompt = new Random(2).ints(PROMPT, 0, 49152).toArray();

  @Setup
  public void load() {
    decoder.close();
    decoder =
        new JavaDecoder(
            RandomModels.model(SMOLLM2, 64, ActivationMode.PER_GROUP, new Random(1)),
            KvType.FLOAT16,
            threads,
            2 * Decoder.blocksFor(PROMPT));
    sequences = new DecoderSequences(decoder);
    try (Sequence whole = sequences.open();
        Sequence parts = sequences.open()) {
      float[] logits = step(whole, prompt).clone();
      step(parts, Arrays.copyOf(prompt, PROMPT - 1));
      if (!Arrays.equals(logits, step(parts, prompt[PROMPT - 1]))) {
        throw new IllegalStateException("prefill and decode differ");
      }
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    decoder.close();
  }

  private float[] step(Sequence sequence, int... tokens) {
    return decoder.step(List.of(sequence.append(tokens, Wanted.LAST))).get(0).get(0).values();
  }

  @Benchmark
  @OperationsPerInvocation(PROMPT)
  public float[] prefill() {
    try (Sequence sequence = sequences.open()) {
      return step(sequence, prompt);
    }
  }

  @Benchmark
  @OperationsPerInvocation(GENERATED)
  public float[] decode() {
    try (Sequence sequence = sequences.open()) {
      float[] logits = new float[0];
      for (int i = 0; i < GENERATED; i++) {
        logits = step(sequence, prompt[i]);
      }
      return logits;
    }
  }
}
