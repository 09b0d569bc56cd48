package io.calm.runtime;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.Exponential;
import io.calm.tensor.Float16;
import io.calm.tensor.NaiveKernels;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTables;
import io.calm.tensor.Unpacked;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The forward of a whole sequence as plain loops, without a cache: the oracle of the decoders. */
final class NaiveDecoder {
  private final QuantizedModel model;
  private final ModelSpec spec;
  private final boolean perToken;
  private final List<Map<LinearRole, QuantizedMatrix>> weights = new ArrayList<>();

  private final Optional<KvType> kvType;

  NaiveDecoder(QuantizedModel model, KvType kvType) {
    this(model, Optional.of(kvType));
  }

  /**
   * @param kvType empty: keys and values are not rounded
   */
  NaiveDecoder(QuantizedModel model, Optional<KvType> kvType) {
    this.model = model;
    this.kvType = kvType;
    this.spec = model.spec();
    this.perToken = model.activation() == ActivationMode.PER_TOKEN;
    for (BlockParameters<QuantizedLinear> block : model.blocks()) {
      Map<LinearRole, QuantizedMatrix> matrices = new EnumMap<>(LinearRole.class);
      block.linears().forEach((role, linear) -> matrices.put(role, Unpacked.of(linear)));
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
          model.head() instanceof TokenTable.Int8Table int8
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
      store(k[t]);
      store(v[t]);
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
    double[] lanes = new double[16];
    for (int i = 0; i < x.length; i++) {
      lanes[i % 16] += (double) x[i] * x[i];
    }
    for (int half = 8; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        lanes[lane] += lanes[lane + half];
      }
    }
    float inverse = (float) (1 / Math.sqrt(lanes[0] / x.length + spec.rmsEpsilon()));
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

  /** Rounds the heads of a key or a value as they are stored. */
  private void store(float[] x) {
    if (kvType.isEmpty()) {
      return;
    }
    int dim = spec.headDim();
    for (int at = 0; at < x.length; at += dim) {
      float max = 0;
      for (int d = 0; d < dim; d++) {
        max = Math.max(max, Math.abs(x[at + d]));
      }
      for (int d = 0; d < dim; d++) {
        x[at + d] =
            kvType.get() == KvType.FLOAT16
                ? Float16.round(Math.max(-65504, Math.min(65504, x[at + d])))
                : (float) Math.rint(x[at + d] / (max / 127)) * (max / 127);
      }
    }
  }

  /** Splits of 256 positions, each with its own largest score, merged in their order. */
  private void attend(
      float[] q, float[][] k, float[][] v, int t, int head, int window, float[] target) {
    int dim = spec.headDim();
    int first = window == 0 ? 0 : Math.max(0, t + 1 - window);
    float max = Float.NEGATIVE_INFINITY;
    float sum = 0;
    float[] output = new float[dim];
    for (int split = 0; split <= t; split += 256) {
      int from = Math.max(first, split);
      int to = Math.min(t + 1, split + 256);
      if (from >= to) {
        continue;
      }
      float[] scores = new float[256];
      float splitMax = score(q, k, head, from, to, split, scores);
      float splitSum = weigh(scores, from - split, to - split, splitMax);
      float[] splitOutput = mix(v, head, from, to, split, scores);
      float newMax = Math.max(max, splitMax);
      float before = Exponential.exp(max - newMax);
      float here = Exponential.exp(splitMax - newMax);
      max = newMax;
      sum = Math.fma(splitSum, here, sum * before);
      for (int d = 0; d < dim; d++) {
        output[d] = Math.fma(splitOutput[d], here, output[d] * before);
      }
    }
    for (int d = 0; d < dim; d++) {
      target[head * dim + d] = output[d] / sum;
    }
  }

  private int kvHead(int head) {
    return head / (spec.heads() / spec.kvHeads()) * spec.headDim();
  }

  private float score(
      float[] q, float[][] k, int head, int from, int to, int split, float[] scores) {
    int dim = spec.headDim();
    float max = Float.NEGATIVE_INFINITY;
    for (int p = from; p < to; p++) {
      float score = 0;
      for (int d = 0; d < dim; d++) {
        score = Math.fma(q[head * dim + d], k[p][kvHead(head) + d], score);
      }
      scores[p - split] = score * (float) (1 / Math.sqrt(dim));
      max = Math.max(max, scores[p - split]);
    }
    return max;
  }

  private static float weigh(float[] scores, int from, int to, float max) {
    float[] lanes = new float[16];
    for (int i = from; i < to; i++) {
      scores[i] = Exponential.exp(scores[i] - max);
      lanes[i % 16] += scores[i];
    }
    for (int half = 8; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        lanes[lane] += lanes[lane + half];
      }
    }
    return lanes[0];
  }

  private float[] mix(float[][] v, int head, int from, int to, int split, float[] weights) {
    float[] output = new float[spec.headDim()];
    for (int d = 0; d < output.length; d++) {
      for (int p = from; p < to; p++) {
        output[d] = Math.fma(weights[p - split], v[p][kvHead(head) + d], output[d]);
      }
    }
    return output;
  }
}
