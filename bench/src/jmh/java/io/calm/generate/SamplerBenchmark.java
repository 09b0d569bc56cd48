package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Measures the choice among the 49,152 tokens of SmolLM2, including penalties and scores. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class SamplerBenchmark {
  private static final int VOCABULARY = 49_152;

  /** Standard deviation of the logits: 3 is flat, as at the start of a sentence. */
  @Param({"3", "6"})
  public float spread;

  @Param({"greedy", "temperature", "top_p", "top_k", "min_p", "penalties"})
  public String mode = "greedy";

  private final float[] values = new float[VOCABULARY];
  private Logits logits = new Logits(values, 0, 0);
  private SamplingParameters parameters = SamplingParameters.builder().build();
  private TokenHistory history = new TokenHistory(parameters, new int[0], Set.of());
  private Sampler sampler = new Sampler(parameters);

  @Setup
  public void fill() {
    SplittableRandom random = new SplittableRandom(1);
    float largest = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < VOCABULARY; i++) {
      values[i] = (float) (spread * random.nextGaussian());
      largest = Math.max(largest, values[i]);
    }
    Logits unscored = new Logits(values, largest, 0);
    double sum = unscored.weigh(1, new float[VOCABULARY]);
    logits = new Logits(values, largest, (float) (largest + Math.log(sum)));
    SamplingParameters.Builder builder = SamplingParameters.builder().temperature(0.8).seed(1);
    parameters =
        switch (mode) {
          case "greedy" -> builder.temperature(0).build();
          case "temperature" -> builder.build();
          case "top_p" -> builder.topP(0.95).build();
          case "top_k" -> builder.topK(50).build();
          case "min_p" -> builder.minP(0.05).build();
          case "penalties" -> builder.temperature(0).repetitionPenalty(1.1).build();
          default -> throw new IllegalArgumentException(mode);
        };
    history = new TokenHistory(parameters, random.ints(2000, 0, VOCABULARY).toArray(), Set.of());
    sampler = new Sampler(parameters);
  }

  @Benchmark
  public List<TokenScore> choose() {
    int token = sampler.choose(history.penalized(logits));
    history.restore(logits);
    return List.of(new LogProbabilities(logits).of(token));
  }
}
