package io.calm.search;

import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.quant.AlgorithmName;
import io.calm.quant.BlockSample;
import io.calm.quant.PartialBlock;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.StageQuantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.tensor.Float16;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/** Algorithms with a known weakness, for searches whose choice is known. */
final class WeakQuantizers {
  private WeakQuantizers() {}

  static List<Quantizer> pool(String... names) {
    Quantizers quantizers = Quantizers.load();
    return Stream.of(names).map(AlgorithmName::new).map(quantizers::get).toList();
  }

  static Quantizer named(String name) {
    return pool(name).get(0);
  }

  /** An algorithm that fails on every block. */
  record Failing() implements Quantizer {
    @Override
    public String name() {
      return "failing";
    }

    @Override
    public Result quantize(BlockSample sample) {
      throw new QuantizationException("linear Q: on purpose");
    }
  }

  /** GPTQ with scales that are off in some stages. */
  record Picky(String name, Set<Stage> bad) implements Quantizer, StageQuantizer {
    @Override
    public Optional<StageQuantizer> stages() {
      return Optional.of(this);
    }

    @Override
    public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
      Stage stage = walk.stage();
      StageResult good = named("gptq").stages().orElseThrow().quantizeStage(sample, walk);
      if (!bad.contains(stage)) {
        return good;
      }
      Map<LinearRole, QuantizedMatrix> linears = new EnumMap<>(LinearRole.class);
      good.linears().forEach((role, linear) -> linears.put(role, wider(linear)));
      return new StageResult(linears, Optional.empty(), Map.of());
    }

    private static QuantizedMatrix wider(QuantizedMatrix linear) {
      float[] scales = linear.scales().clone();
      for (int i = 0; i < scales.length; i++) {
        scales[i] = Float16.round(1.25f * scales[i]);
      }
      return new QuantizedMatrix(
          linear.outputs(),
          linear.inputs(),
          linear.group(),
          linear.codes(),
          scales,
          linear.minimums());
    }

    @Override
    public Result quantize(BlockSample sample) {
      PartialBlock block = new PartialBlock(sample.block());
      try (StageWalk walk = sample.walk()) {
        for (Stage stage : Stage.values()) {
          StageResult result = quantizeStage(sample, walk);
          block = block.with(stage, result);
          walk.advance(result.linears(), block.biases());
        }
      }
      return new Result(block.pack(sample.compute().parallel()), Map.of());
    }
  }

  /** Rounding to nearest that fails in one stage. */
  record FailsAt(String name, Stage stage) implements Quantizer, StageQuantizer {
    @Override
    public Optional<StageQuantizer> stages() {
      return Optional.of(this);
    }

    @Override
    public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
      if (walk.stage() == stage) {
        throw new QuantizationException("linear %s: on purpose".formatted(stage));
      }
      return named("rtn").stages().orElseThrow().quantizeStage(sample, walk);
    }

    @Override
    public Result quantize(BlockSample sample) {
      throw new QuantizationException("linear %s: on purpose".formatted(stage));
    }
  }

  /** An algorithm by stages that compares streams, on the walk that {@code seen} returns. */
  record Comparing(Quantizer algorithm, BiFunction<BlockSample, StageWalk, StageWalk> seen)
      implements Quantizer, StageQuantizer {
    @Override
    public String name() {
      return algorithm.name();
    }

    @Override
    public boolean comparesStreams() {
      return true;
    }

    @Override
    public Optional<StageQuantizer> stages() {
      return Optional.of(this);
    }

    @Override
    public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
      return algorithm.stages().orElseThrow().quantizeStage(sample, seen.apply(sample, walk));
    }

    @Override
    public Result quantize(BlockSample sample) {
      throw new QuantizationException("a search by parts does not quantize a whole block");
    }
  }

  /** An algorithm of whole blocks. */
  record Whole() implements Quantizer {
    @Override
    public String name() {
      return "whole";
    }

    @Override
    public Result quantize(BlockSample sample) {
      return named("rtn").quantize(sample);
    }
  }
}
