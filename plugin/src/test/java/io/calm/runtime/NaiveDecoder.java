package io.calm.runtime;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.Exponential;
import io.calm.tensor.NaiveKernels;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTables;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The forward of a whole sequence as plain loops, without a cache: the oracle of JavaDecoder. */
final class NaiveDecoder {
  private final QuantizedModel model;
  private final ModelSpec spec;
  private final boolean perToken;
  private final List<Map<LinearRole, QuantizedMatrix>> weights = new ArrayList<>();

  NaiveDecoder(QuantizedModel model) {
    this.model = model;
    this.spec = model.spec();
    this.perToken = model.activation() == ActivationMode.PER_TOKEN;
    for (BlockParameters<QuantizedLinear> block : model.blocks()) {
      Map<LinearRole, QuantizedMatrix> matrices = new EnumMap<>(LinearRole.class);
      block.linears().forEach((role, linear) -> matrices.put(role, Packing.unpack(linear)));
      weights.add(matrices);
    }
  }

  /** Returns the logits of every token, [T][V]. */
  float[][] logits(int... tokens) {
    float[][] x = new float[tokens.length][spec.hidden()];
    for (int t = 0; t < tokens.length; t++) {
      TokenTables.readRow(model.embeddings(), tokens[t], x[t]);
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      block(layer, x);
    }
    float[][] logits = new float[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      float[] normed = norm(x[t], model.finalNorm());
      logits[t] =
          model.head() instanceof TokenTable.Int8 int8
              ? NaiveKernels.int8(normed, int8, perToken)
              : NaiveKernels.floats(normed, model.head());
    }
    return logits;
  }

  private void block(int layer, float[][] x) {
    BlockParameters<QuantizedLinear> block = model.blocks().get(layer);
    int length = x.length;
    float[][] q = new float[length][];
    float[][] k = new float[length][];
    float[][] v = new float[length][];
    for (int t = 0; t < length; t++) {
      float[] normed = norm(x[t], block.norm(NormRole.ATTENTION));
      q[t] = heads(linear(layer, LinearRole.Q, normed), block, NormRole.Q_HEAD, t);
      k[t] = heads(linear(layer, LinearRole.K, normed), block, NormRole.K_HEAD, t);
      v[t] = linear(layer, LinearRole.V, normed);
    }
    for (int t = 0; t < length; t++) {
      float[] attended = new float[spec.heads() * spec.headDim()];
      for (int head = 0; head < spec.heads(); head++) {
        attend(q[t], k, v, t, head, spec.windows().get(layer), attended);
      }
      add(x[t], linear(layer, LinearRole.O, attended));
      float[] normed = norm(x[t], block.norm(NormRole.MLP));
      float[] gate = linear(layer, LinearRole.GATE, normed);
      float[] up = linear(layer, LinearRole.UP, normed);
      for (int i = 0; i < gate.length; i++) {
        gate[i] = gate[i] / (1 + Exponential.exp(-gate[i])) * up[i];
      }
      add(x[t], linear(layer, LinearRole.DOWN, gate));
    }
  }

  private float[] linear(int layer, LinearRole role, float[] x) {
    float[] bias = model.blocks().get(layer).biases().getOrDefault(role, new float[0]);
    QuantizedMatrix weight = weights.get(layer).get(role);
    if (weight == null) {
      throw new AssertionError("no " + role);
    }
    return NaiveKernels.linear(x, weight, bias, perToken);
  }

  private float[] norm(float[] x, float[] weight) {
    double squares = 0;
    for (float value : x) {
      squares += (double) value * value;
    }
    float inverse = (float) (1 / Math.sqrt(squares / x.length + spec.rmsEpsilon()));
    float[] y = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i] * inverse * weight[i];
    }
    return y;
  }

  private static void add(float[] x, float[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }

  /** Head norms, then the rotation of pairs (i, i + headDim/2). */
  private float[] heads(
      float[] x, BlockParameters<QuantizedLinear> block, NormRole norm, int position) {
    int dim = spec.headDim();
    float[] frequencies = RotaryTable.of(spec.rope(), dim).inverseFrequencies();
    for (int at = 0; at < x.length; at += dim) {
      float[] head = Arrays.copyOfRange(x, at, at + dim);
      if (spec.headNorms()) {
        head = norm(head, block.norm(norm));
      }
      for (int i = 0; i < dim / 2; i++) {
        float cosine = (float) StrictMath.cos(position * frequencies[i]);
        float sine = (float) StrictMath.sin(position * frequencies[i]);
        x[at + i] = head[i] * cosine - head[i + dim / 2] * sine;
        x[at + i + dim / 2] = head[i + dim / 2] * cosine + head[i] * sine;
      }
    }
    return x;
  }

  private void attend(
      float[] q, float[][] k, float[][] v, int t, int head, int window, float[] target) {
    int dim = spec.headDim();
    int shared = head / (spec.heads() / spec.kvHeads()) * dim;
    int first = window == 0 ? 0 : Math.max(0, t + 1 - window);
    float[] scores = new float[t + 1];
    float max = Float.NEGATIVE_INFINITY;
    for (int p = first; p <= t; p++) {
      for (int d = 0; d < dim; d++) {
        scores[p] = Math.fma(q[head * dim + d], k[p][shared + d], scores[p]);
      }
      scores[p] *= (float) (1 / Math.sqrt(dim));
      max = Math.max(max, scores[p]);
    }
    float sum = 0;
    for (int p = first; p <= t; p++) {
      scores[p] = Exponential.exp(scores[p] - max);
      sum += scores[p];
    }
    for (int d = 0; d < dim; d++) {
      float value = 0;
      for (int p = first; p <= t; p++) {
        value = Math.fma(scores[p], v[p][shared + d], value);
      }
      target[head * dim + d] = value / sum;
    }
  }
}
