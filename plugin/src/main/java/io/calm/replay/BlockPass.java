package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * One run of a decoder block over hidden states that stops at each of its four stages. The input of
 * the next linears can be read, and rescaled, before their weights are given.
 *
 * <p>With an {@link InputRounding}, the inputs of linears are rounded to int8. Such a pass uses the
 * native kernels that serve, with the bits of a decoder step. Without these kernels, and for
 * weights that are not W4A8 modules, it computes the dequantized values in float32; only the order
 * of summation differs. With the kernels, a full-precision pass uses them as well, so its bits do
 * not depend on the number of threads. Not thread safe.
 */
public final class BlockPass implements AutoCloseable {
  /** The rounding of inputs of linears to int8. */
  public record InputRounding(ActivationMode mode, int groupLimit) {

    /** Returns the number of inputs of a linear that share a scale. */
    int step(int inputs) {
      return mode == ActivationMode.PER_TOKEN
          ? inputs
          : QuantizedLinear.groupFor(inputs, groupLimit);
    }
  }

  private final TorchRuntime runtime;
  private final ModelSpec spec;
  private final BlockParameters<?> block;
  private final Optional<InputRounding> rounding;
  private final StageProducts products;
  private final BlockOperations operations;
  private final boolean ownsOperations;
  private final double sinkThreshold;
  private List<NDArray> residual;
  private List<NDArray> input;
  private Optional<TokenWeights> tokenWeights = Optional.empty();
  private Optional<float[]> divisors = Optional.empty();
  private Optional<StageSums> sums = Optional.empty();
  private Optional<Stage> stage;

  /**
   * Starts at {@link Stage#ATTENTION_IN}.
   *
   * @param states not changed
   * @param block whose norms are used, not folded
   */
  public BlockPass(
      HiddenStates states,
      ModelSpec spec,
      int layer,
      BlockParameters<?> block,
      Optional<InputRounding> rounding) {
    this(states, spec, layer, block, rounding, 0);
  }

  /**
   * Starts at {@link Stage#ATTENTION_IN} a pass whose inputs algorithms are fitted on.
   *
   * @param sinkThreshold tokens whose residual stream has a norm above this many median norms are
   *     scaled down to at most the median norm in the sums and samples for o and down; 0: no token
   *     is
   */
  public BlockPass(
      HiddenStates states,
      ModelSpec spec,
      int layer,
      BlockParameters<?> block,
      Optional<InputRounding> rounding,
      double sinkThreshold) {
    this(states, spec, layer, block, rounding, states.runtime().products(), sinkThreshold);
  }

  /** Starts a pass that uses only the engine. */
  static BlockPass byTheEngine(
      HiddenStates states,
      ModelSpec spec,
      int layer,
      BlockParameters<?> block,
      Optional<InputRounding> rounding) {
    return new BlockPass(
        states, spec, layer, block, rounding, new EngineProducts(states.runtime()), 0);
  }

  private BlockPass(
      HiddenStates states,
      ModelSpec spec,
      int layer,
      BlockParameters<?> block,
      Optional<InputRounding> rounding,
      StageProducts products,
      double sinkThreshold) {
    this.runtime = states.runtime();
    this.spec = spec;
    this.block = block;
    this.rounding = rounding;
    this.products = products;
    this.sinkThreshold = sinkThreshold;
    this.ownsOperations = true;
    this.operations =
        products.operations(spec, layer, states.length(), block, rounding.isPresent());
    try (Owned opening = new Owned()) {
      opening.add(operations, operations::close);
      this.residual = duplicates(states.chunks());
      opening.add(residual, () -> residual.forEach(NDArray::close));
      this.input = normalized(NormRole.ATTENTION);
      opening.handOver();
    }
    this.stage = Optional.of(Stage.ATTENTION_IN);
  }

  private BlockPass(BlockPass other) {
    this.runtime = other.runtime;
    this.spec = other.spec;
    this.block = other.block;
    this.rounding = other.rounding;
    this.products = other.products;
    this.sinkThreshold = other.sinkThreshold;
    this.tokenWeights = other.tokenWeights;
    this.divisors = other.divisors;
    this.operations = other.operations;
    this.ownsOperations = false;
    try (Owned opening = new Owned()) {
      this.residual = duplicates(other.residual);
      opening.add(residual, () -> residual.forEach(NDArray::close));
      this.input = duplicates(other.input);
      opening.handOver();
    }
    this.stage = other.stage;
  }

  private List<NDArray> duplicates(List<NDArray> arrays) {
    return each(arrays, products::copy);
  }

  /** Returns the result of an operation on each array; none stays open if one of them fails. */
  private static List<NDArray> each(List<NDArray> arrays, UnaryOperator<NDArray> operation) {
    List<NDArray> results = new ArrayList<>();
    try (Owned opening = new Owned()) {
      for (NDArray x : arrays) {
        NDArray result = operation.apply(x);
        results.add(opening.add(result, result::close));
      }
      opening.handOver();
    }
    return results;
  }

  /** Returns a copy at the same stage. It must be closed before this pass. */
  public BlockPass fork() {
    return new BlockPass(this);
  }

  /** Returns the stage whose linears come next; empty when the block is done. */
  public Optional<Stage> stage() {
    return stage;
  }

  /** Returns K, the width of the current stage's input. */
  int width() {
    return spec.inputs(stage.orElseThrow());
  }

  private List<NDArray> normalized(NormRole role) {
    return each(residual, x -> operations.norm(x, block.norm(role)));
  }

  /**
   * Divides the current input by {@code scales} [K]: the effect of a fold before it.
   *
   * @throws IllegalStateException if it is divided already
   */
  public void divide(float[] scales) {
    if (divisors.isPresent()) {
      throw new IllegalStateException(
          "stage %s: the input is divided already".formatted(stage.orElseThrow()));
    }
    divisors = Optional.of(scales.clone());
    sums = Optional.empty();
    input.replaceAll(
        x -> {
          NDArray quotient = products.quotient(x, scales);
          x.close();
          return quotient;
        });
  }

  /** Returns the weights of the tokens in sums over the current input. */
  private TokenWeights tokenWeights() {
    if (tokenWeights.isEmpty()) {
      boolean weighs = stage.orElseThrow().addsToResidual();
      tokenWeights =
          Optional.of(
              weighs
                  ? TokenWeights.ofStream(products, residual, sinkThreshold)
                  : TokenWeights.equal());
    }
    return tokenWeights.get();
  }

  /** Returns the number of sequences of the current input. */
  public int sequences() {
    return Math.toIntExact(input.stream().mapToLong(chunk -> chunk.getShape().get(0)).sum());
  }

  /** Returns the number of rows of the current input. */
  public int rows() {
    return Math.toIntExact(input.stream().mapToLong(NDArray::size).sum() / width());
  }

  /** Returns what the current input was divided by, [K]. */
  float[] divisors() {
    return divisors.orElseGet(
        () -> {
          float[] ones = new float[width()];
          Arrays.fill(ones, 1);
          return ones;
        });
  }

  /** Returns the sums over the current input that algorithms are fitted on. */
  public StageSums sums() {
    if (sums.isEmpty()) {
      sums = Optional.of(new StageSums(this, runtime, products, operations, tokenWeights()));
    }
    return sums.get();
  }

  /** Returns a copy of a chunk of the input as the linears see it. */
  NDArray rounded(NDArray x) {
    return rounding.map(how -> products.rounded(x, width(), how)).orElseGet(() -> products.copy(x));
  }

  Optional<InputRounding> rounding() {
    return rounding;
  }

  /** Returns the chunks of the current input, for reading. */
  List<NDArray> inputs() {
    return input;
  }

  /** Returns the chunks of the residual stream beside the current input, for reading. */
  List<NDArray> residuals() {
    return residual;
  }

  /**
   * Runs the linears of the current stage and continues to the next.
   *
   * @param weights [N, K] for each linear of the stage, folds included
   * @param biases [N] for each linear with a bias, folds included
   */
  public void advance(Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases) {
    advance(weights, biases, rounding.isPresent());
  }

  /**
   * Runs the linears of the current stage on the inputs as they are, also in a pass with rounding.
   */
  public void advanceUnrounded(Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases) {
    advance(weights, biases, false);
  }

  private void advance(
      Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases, boolean rounds) {
    try (StageProducts.Linears linears = products.weights(linears(), weights, biases)) {
      advance(linears, rounds);
    }
  }

  private List<LinearRole> linears() {
    return stage.orElseThrow().linears();
  }

  /**
   * Runs W4A8 modules as the linears of the current stage. The pass must be one with rounding. With
   * the native kernels, the products have the bits of a served linear.
   */
  public void advanceModules(
      Map<LinearRole, QuantizedLinear> modules, Map<LinearRole, float[]> biases) {
    ActivationMode mode = rounding.orElseThrow().mode();
    try (StageProducts.Linears linears = products.modules(linears(), modules, biases, mode)) {
      advance(linears, !linears.roundTheirInput());
    }
  }

  /**
   * Continues to the next stage, chunk by chunk: the outputs of the linears of gate and up are the
   * largest arrays of a block, and only those of one chunk are in memory.
   *
   * @param rounds whether the input is rounded before the linears read it
   */
  private void advance(StageProducts.Linears linears, boolean rounds) {
    Stage current = stage.orElseThrow();
    List<NDArray> before = input;
    try (Owned read = new Owned()) {
      before.forEach(x -> read.add(x, x::close));
      input = new ArrayList<>();
      for (int i = 0; i < before.size(); i++) {
        advance(current, i, before.get(i), linears, rounds);
      }
    }
    if (current == Stage.ATTENTION_OUT) {
      input = normalized(NormRole.MLP);
    }
    stage = current.next();
    tokenWeights = Optional.empty();
    divisors = Optional.empty();
    sums = Optional.empty();
  }

  /** Adds a chunk to the next input, or to the residual stream, and closes {@code x}. */
  private void advance(
      Stage current, int chunk, NDArray x, StageProducts.Linears linears, boolean rounds) {
    try (Owned opened = new Owned()) {
      List<NDArray> outputs = new ArrayList<>();
      try (Owned inputs = new Owned()) {
        inputs.add(x, x::close);
        NDArray read = x;
        if (rounds) {
          NDArray rounded = rounded(x);
          read = inputs.add(rounded, rounded::close);
        }
        for (LinearRole role : current.linears()) {
          NDArray output = linears.multiply(role, read);
          outputs.add(opened.add(output, output::close));
        }
      }
      switch (current) {
        case ATTENTION_IN ->
            input.add(operations.attention(outputs.get(0), outputs.get(1), outputs.get(2)));
        case MLP_IN -> input.add(operations.gate(outputs.get(0), outputs.get(1)));
        case ATTENTION_OUT, MLP_OUT ->
            residual.set(chunk, operations.add(residual.get(chunk), outputs.get(0)));
      }
    }
  }

  /** Returns a copy of the residual stream beside the current input, or after the block. */
  public HiddenStates residualStream() {
    return new HiddenStates(runtime, duplicates(residual));
  }

  /** Returns the output of the block. The pass must be complete, and gives up the output. */
  public HiddenStates output() {
    if (stage.isPresent()) {
      throw new IllegalStateException("the block is at stage " + stage.get() + ", not at its end");
    }
    HiddenStates result = new HiddenStates(runtime, residual);
    residual = new ArrayList<>();
    return result;
  }

  @Override
  public void close() {
    input.forEach(NDArray::close);
    residual.forEach(NDArray::close);
    input = new ArrayList<>();
    residual = new ArrayList<>();
    if (ownsOperations) {
      operations.close();
    }
  }
}
