package io.calm.runtime;

import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.tensor.ActivationQuantizer;
import io.calm.tensor.Exponential;
import io.calm.tensor.LinearKernel;
import java.util.ArrayList;
import java.util.List;

/**
 * The forward pass of one W4A8 decoder block over the rows of a pass.
 *
 * <p>{@code residual += o(attention(norm(residual)))}, then {@code residual +=
 * down(silu(gate(norm(residual))) * up(norm(residual)))}. The rows' keys and values are stored in
 * their KV blocks before attention reads them.
 */
final class BlockForward {
  private final ModelSpec spec;
  private final Workers workers;
  private final PassBuffers buffers;
  private final ActivationQuantizer quantizer;
  private final FloatKvLayout layout;
  private final KvAttention attention;

  /** The computation of one row of a stage's activation into {@link PassBuffers#input}. */
  @FunctionalInterface
  private interface StageInput {
    void compute(int row, int offset);
  }

  BlockForward(
      QuantizedModel model,
      Workers workers,
      PassBuffers buffers,
      ActivationQuantizer quantizer,
      FloatKvLayout layout) {
    this.spec = model.spec();
    this.workers = workers;
    this.buffers = buffers;
    this.quantizer = quantizer;
    this.layout = layout;
    this.attention = new KvAttention(spec, layout, workers);
  }

  /**
   * Runs decoder block {@code layer}; updates the residual stream in place.
   *
   * @throws StepFailedException if an activation that a result depends on is not finite
   */
  void run(int layer, BlockWeights block, List<StepRow> rows) {
    stage(
        layer,
        Stage.ATTENTION_IN,
        rows,
        block,
        (row, at) -> norm(row, at, block, NormRole.ATTENTION));
    boolean[] finite = new boolean[rows.size()];
    workers.forRows(
        rows.size(),
        row -> {
          rotate(block, row);
          finite[row] = finite(LinearRole.K, row) && finite(LinearRole.V, row);
          if (finite[row]) {
            store(layer, row, rows.get(row));
          }
        });
    StepFailures.check(finite, rows, () -> "block %d, keys and values".formatted(layer));
    attention.run(
        layer, spec.windows().get(layer), rows, buffers.output(LinearRole.Q), buffers.input);
    stage(layer, Stage.ATTENTION_OUT, rows, block, (row, at) -> {});
    stage(
        layer,
        Stage.MLP_IN,
        rows,
        block,
        (row, at) -> {
          addToResidual(row, LinearRole.O);
          norm(row, at, block, NormRole.MLP);
        });
    stage(layer, Stage.MLP_OUT, rows, block, this::gate);
    workers.forRows(rows.size(), row -> addToResidual(row, LinearRole.DOWN));
  }

  /** Computes and rounds the stage's activation, then runs its linears. */
  private void stage(
      int layer, Stage stage, List<StepRow> rows, BlockWeights block, StageInput input) {
    int width = spec.inputs(stage);
    boolean[] finite = new boolean[rows.size()];
    workers.forRows(
        rows.size(),
        row -> {
          input.compute(row, row * width);
          finite[row] =
              quantizer.quantize(buffers.input, row * width, buffers.input(stage), row)
                  || !isUsed(layer, stage, rows.get(row));
        });
    StepFailures.check(finite, rows, () -> "block %d, linear %s".formatted(layer, names(stage)));
    multiply(stage, block, rows.size());
  }

  /** Returns whether results depend on a row's stage: logits alone do after the last attention. */
  private boolean isUsed(int layer, Stage stage, StepRow row) {
    boolean afterAttention = stage == Stage.MLP_IN || stage == Stage.MLP_OUT;
    return layer < spec.layers() - 1 || !afterAttention || row.logits().isPresent();
  }

  private static String names(Stage stage) {
    return String.join(", ", stage.linears().stream().map(LinearRole::name).toList());
  }

  private void multiply(Stage stage, BlockWeights block, int rows) {
    List<LinearRole> roles = stage.linears();
    int[] tiles = new int[roles.size()];
    List<Workers.TileTask> tasks = new ArrayList<>();
    for (int i = 0; i < tiles.length; i++) {
      LinearKernel kernel = block.linear(roles.get(i));
      float[] output = buffers.output(roles.get(i));
      tiles[i] = kernel.tiles();
      tasks.add(
          (from, to, scratch) ->
              kernel.multiply(buffers.input(stage), rows, from, to, output, scratch));
    }
    workers.forTiles(workers.tileRanges(tiles, tasks));
  }

  private void norm(int row, int at, BlockWeights block, NormRole role) {
    RmsNorm.apply(
        buffers.residual,
        row * spec.hidden(),
        buffers.input,
        at,
        block.norm(role),
        spec.rmsEpsilon());
  }

  private void addToResidual(int row, LinearRole role) {
    int width = spec.hidden();
    float[] residual = buffers.residual;
    float[] output = buffers.output(role);
    for (int i = row * width; i < (row + 1) * width; i++) {
      residual[i] += output[i];
    }
  }

  /** silu(gate) * up, with silu(g) = g / (1 + e^-g). */
  private void gate(int row, int at) {
    int width = spec.intermediate();
    float[] gate = buffers.output(LinearRole.GATE);
    float[] up = buffers.output(LinearRole.UP);
    for (int i = row * width; i < (row + 1) * width; i++) {
      buffers.input[i] = gate[i] / (1 + Exponential.exp(-gate[i])) * up[i];
    }
  }

  private boolean finite(LinearRole role, int row) {
    int width = spec.outputs(role);
    float[] output = buffers.output(role);
    float sum = 0;
    for (int i = row * width; i < (row + 1) * width; i++) {
      sum += output[i] * 0; // 0, or NaN for a value that is not finite
    }
    return sum == 0;
  }

  private void rotate(BlockWeights block, int row) {
    int dim = spec.headDim();
    float[] queries = buffers.output(LinearRole.Q);
    float[] keys = buffers.output(LinearRole.K);
    for (int head = 0; head < spec.heads(); head++) {
      rotate(block, NormRole.Q_HEAD, queries, (row * spec.heads() + head) * dim, row);
    }
    for (int head = 0; head < spec.kvHeads(); head++) {
      rotate(block, NormRole.K_HEAD, keys, (row * spec.kvHeads() + head) * dim, row);
    }
  }

  private void store(int layer, int row, StepRow place) {
    KvBlock block = place.kvBlock(place.position());
    float[] keys = buffers.output(LinearRole.K);
    float[] values = buffers.output(LinearRole.V);
    for (int head = 0; head < spec.kvHeads(); head++) {
      int at = (row * spec.kvHeads() + head) * spec.headDim();
      layout.store(block, layer, head, place.position(), keys, values, at);
    }
  }

  private void rotate(BlockWeights block, NormRole norm, float[] heads, int at, int row) {
    if (spec.headNorms()) {
      RmsNorm.apply(heads, at, heads, at, block.norm(norm), spec.rmsEpsilon());
    }
    int half = spec.headDim() / 2;
    for (int i = 0; i < half; i++) {
      float cosine = buffers.cosines[row * half + i];
      float sine = buffers.sines[row * half + i];
      float a = heads[at + i];
      float b = heads[at + half + i];
      heads[at + i] = a * cosine - b * sine;
      heads[at + half + i] = b * cosine + a * sine;
    }
  }
}
