package io.calm.runtime;

import io.calm.kernels.KernelVariant;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.OffHeap;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The C decoder's handle of a model. It holds the addresses of the model's parameters, which are
 * valid as long as the decoder's lease, and of copies that this object owns. The decoder's lock is
 * held for every call, and no call follows {@link #close}.
 */
final class NativeModel implements AutoCloseable {
  private static final List<LinearRole> LINEARS =
      List.of(
          LinearRole.Q,
          LinearRole.K,
          LinearRole.V,
          LinearRole.O,
          LinearRole.GATE,
          LinearRole.UP,
          LinearRole.DOWN);
  private static final List<NormRole> NORMS =
      List.of(NormRole.ATTENTION, NormRole.MLP, NormRole.Q_HEAD, NormRole.K_HEAD);

  /** Index: the format's number in C. */
  private static final List<TableFormat> FORMATS =
      List.of(TableFormat.INT8, TableFormat.INT4, TableFormat.FLOAT16, TableFormat.FLOAT32);

  private final @Nullable ByteBuffer[] buffers; // keeps borrowed buffers reachable
  private final List<OffHeap> owned;
  private long handle;

  /** The parameters in the order in which C reads them. */
  private static final class Parameters {
    final List<@Nullable ByteBuffer> buffers = new ArrayList<>();
    final List<OffHeap> owned = new ArrayList<>();
    final List<Integer> sizes = new ArrayList<>();

    void add(QuantizedModel model) {
      for (int layer = 0; layer < model.spec().layers(); layer++) {
        add(layer, model.blocks().get(layer), model.spec());
      }
      add(model.embeddings());
      add(model.head());
      buffers.add(copy(model.finalNorm()));
    }

    private void add(int layer, BlockParameters<QuantizedLinear> block, ModelSpec spec) {
      sizes.add(spec.windows().get(layer));
      for (LinearRole role : LINEARS) {
        QuantizedLinear linear = block.linear(role);
        float[] bias = block.biases().get(role);
        sizes.addAll(List.of(linear.outputs(), linear.inputs(), linear.group()));
        buffers.add(linear.codes());
        buffers.add(linear.grids());
        buffers.add(bias == null ? null : copy(bias));
      }
      for (NormRole norm : NORMS) {
        boolean there = spec.norms().contains(norm);
        buffers.add(there ? copy(block.norm(norm)) : null);
      }
    }

    private ByteBuffer copy(float[] values) {
      OffHeap memory = OffHeap.copyOf(values);
      owned.add(memory);
      return memory.bytes();
    }

    private void add(TokenTable table) {
      sizes.add(FORMATS.indexOf(table.format()));
      if (table instanceof TokenTable.Int8Table int8) {
        add(int8.group(), int8.codes(), int8.scales());
      } else if (table instanceof TokenTable.Int4 int4) {
        add(int4.weight().group(), int4.weight().codes(), int4.weight().grids());
      } else if (table instanceof TokenTable.Float16Table half) {
        add(0, half.values(), null);
      } else if (table instanceof TokenTable.Float32 single) {
        add(0, single.values(), null);
      }
    }

    private void add(int group, ByteBuffer first, @Nullable ByteBuffer second) {
      sizes.add(group);
      buffers.add(first);
      buffers.add(second);
    }
  }

  NativeModel(KernelVariant variant, QuantizedModel model, KvType kvType, int threads) {
    WeightCheck.check(model); // refuses what does not fit the topology
    ModelSpec spec = model.spec();
    Parameters parameters = new Parameters();
    try {
      parameters.add(model);
      buffers = parameters.buffers.toArray(ByteBuffer[]::new);
      handle =
          create(
              variant.index(),
              shape(spec, model.activation(), kvType, threads),
              spec.rmsEpsilon(),
              parameters.sizes.stream().mapToInt(Integer::intValue).toArray(),
              buffers);
    } catch (RuntimeException | Error e) {
      parameters.owned.forEach(OffHeap::close);
      throw e;
    }
    owned = parameters.owned;
  }

  private static int[] shape(
      ModelSpec spec, ActivationMode activation, KvType kvType, int threads) {
    return new int[] {
      spec.hidden(),
      spec.layers(),
      spec.heads(),
      spec.kvHeads(),
      spec.headDim(),
      spec.intermediate(),
      spec.vocabulary(),
      activation == ActivationMode.PER_TOKEN ? 1 : 0,
      kvType == KvType.INT8 ? 1 : 0,
      threads
    };
  }

  /** Returns the size of a KV block in bytes. */
  static long blockBytes(ModelSpec spec, KvType kvType) {
    return blockBytes(shape(spec, ActivationMode.PER_GROUP, kvType, 1));
  }

  /**
   * Runs a step.
   *
   * @return -1, 16 times the layer plus what failed in it, or -2 if a mapped page of the model is
   *     no longer there
   */
  int step(
      int rows,
      long ints,
      long kvBlocks,
      long rotary,
      long output,
      long weights,
      long failed,
      long times) {
    return step(handle, rows, ints, kvBlocks, rotary, output, weights, failed, times);
  }

  @Override
  public void close() {
    free(handle);
    handle = 0;
    owned.forEach(OffHeap::close);
  }

  private static native long blockBytes(int[] shape);

  private static native long create(
      int variant, int[] shape, float epsilon, int[] sizes, @Nullable ByteBuffer[] buffers);

  private static native int step(
      long model,
      int rows,
      long ints,
      long kvBlocks,
      long rotary,
      long output,
      long weights,
      long failed,
      long times);

  private static native void free(long model);
}
