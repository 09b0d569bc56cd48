package io.calm.runtime;

import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.tensor.QuantizedRows;
import java.util.EnumMap;
import java.util.Map;

/** Activation buffers for a pass of at most {@code rows} rows, reused by every block and pass. */
final class PassBuffers {
  /** The residual stream [rows, hidden]. */
  final float[] residual;

  /** A stage's activation in float32 before quantization, [rows, maximum stage width]. */
  final float[] input;

  /** Cosines and sines of the rows' positions, [rows, headDim / 2]. */
  final float[] cosines;

  final float[] sines;

  private final Map<LinearRole, float[]> outputs = new EnumMap<>(LinearRole.class);
  private final Map<Stage, QuantizedRows> inputs = new EnumMap<>(Stage.class);

  PassBuffers(QuantizedModel model, int rows) {
    ModelSpec spec = model.spec();
    residual = new float[rows * spec.hidden()];
    int widest = 0;
    for (Stage stage : Stage.values()) {
      int width = spec.inputs(stage);
      widest = Math.max(widest, width);
      inputs.put(stage, QuantizedRows.allocate(rows, width, WeightCheck.group(model, stage)));
    }
    input = new float[rows * widest];
    cosines = new float[rows * spec.headDim() / 2];
    sines = new float[rows * spec.headDim() / 2];
    for (LinearRole role : LinearRole.values()) {
      outputs.put(role, new float[rows * spec.outputs(role)]);
    }
  }

  /** Returns a linear's output [rows, N]. */
  float[] output(LinearRole role) {
    float[] output = outputs.get(role);
    if (output == null) {
      throw new IllegalArgumentException("no linear " + role);
    }
    return output;
  }

  /** Returns a stage's quantized activation [rows, K]. */
  QuantizedRows input(Stage stage) {
    QuantizedRows rows = inputs.get(stage);
    if (rows == null) {
      throw new IllegalArgumentException("no stage " + stage);
    }
    return rows;
  }
}
