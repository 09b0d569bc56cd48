package io.calm.bench;

import io.calm.kernels.KernelVariants;
import io.calm.kernels.NativeKernels;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.OffHeap;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Copies models to memory of their own, on huge pages if the system has them. The physical pages of
 * a mapped file depend on when it was written or read, and a model on scattered pages decodes up to
 * 10 % slower. Copies have the same layout, so a comparison of two plans measures only the plans.
 */
public final class PlacedModel {
  /** Size of one piece of memory in bytes; a larger tensor gets a piece of its own. */
  private static final int SLAB = 64 << 20;

  private static final int ALIGNMENT = 64;

  private final List<ByteBuffer> slabs = new ArrayList<>();
  private ByteBuffer room = ByteBuffer.allocate(0);

  private PlacedModel() {}

  /** Returns a copy of {@code model}. The garbage collector frees its memory. */
  public static QuantizedModel of(QuantizedModel model) {
    PlacedModel memory = new PlacedModel();
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (BlockParameters<QuantizedLinear> block : model.blocks()) {
      Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
      block.linears().forEach((role, linear) -> linears.put(role, memory.copy(linear)));
      blocks.add(new BlockParameters<>(linears, block.biases(), block.norms()));
    }
    TokenTable embeddings = memory.copy(model.embeddings());
    boolean tied = model.head() == model.embeddings();
    QuantizedModel copy =
        new QuantizedModel(
            model.spec(),
            blocks,
            embeddings,
            tied ? embeddings : memory.copy(model.head()),
            model.finalNorm(),
            model.activation());
    if (KernelVariants.ofThisMachine().problem().isEmpty()) {
      memory.slabs.forEach(NativeKernels::collapsePages);
    }
    return copy;
  }

  private QuantizedLinear copy(QuantizedLinear linear) {
    return new QuantizedLinear(
        linear.outputs(),
        linear.inputs(),
        linear.group(),
        copy(linear.codes()),
        copy(linear.grids()));
  }

  private TokenTable copy(TokenTable table) {
    if (table instanceof TokenTable.Int8Table int8) {
      return new TokenTable.Int8Table(
          int8.tokens(), int8.width(), int8.group(), copy(int8.codes()), copy(int8.scales()));
    }
    if (table instanceof TokenTable.Int4 int4) {
      return new TokenTable.Int4(copy(int4.weight()));
    }
    if (table instanceof TokenTable.Float16Table half) {
      return new TokenTable.Float16Table(half.tokens(), half.width(), copy(half.values()));
    }
    TokenTable.Float32 single = (TokenTable.Float32) table;
    return new TokenTable.Float32(single.tokens(), single.width(), copy(single.values()));
  }

  private ByteBuffer copy(ByteBuffer source) {
    int bytes = source.remaining();
    if (room.remaining() < bytes) {
      room = OffHeap.allocate(Math.max(SLAB, bytes)).bytes();
      slabs.add(room.duplicate());
    }
    ByteBuffer target = room.slice(room.position(), bytes).order(ByteOrder.LITTLE_ENDIAN);
    target.put(source.duplicate());
    int end = (room.position() + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    room.position(Math.min(end, room.limit()));
    return target.flip();
  }
}
