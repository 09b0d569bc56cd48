package io.calm.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.runtime.KvType;
import io.calm.runtime.WeightCheck;
import io.calm.tensor.Exponential;
import io.calm.tensor.OffHeap;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies a quantized model into the lists of a decoder program, block by block. The program keeps
 * 4-bit codes and float16 grids on its device; the linears of a stage become one matrix, because
 * they have the same input.
 *
 * <p>The mapped file is read by Java alone, so that a file that was cut short throws an {@link
 * InternalError} and does not end the process.
 */
final class TorchWeights {
  /** Outputs whose weights a product holds unpacked as floats at a time. */
  private static final int TILE = 1024;

  /** Index: the number of a table's format in the program. */
  private static final List<TableFormat> FORMATS =
      List.of(TableFormat.INT8, TableFormat.INT4, TableFormat.FLOAT16, TableFormat.FLOAT32);

  private static final float[] NONE = {};

  private final TorchProgram program;
  private final QuantizedModel model;
  private final ModelSpec spec;

  private TorchWeights(TorchProgram program, QuantizedModel model) {
    this.program = program;
    this.model = model;
    this.spec = model.spec();
  }

  /**
   * Copies all parameters.
   *
   * @param windows the distinct attention windows; the program gets a layer's as an index into them
   * @throws InternalError if the mapped file has become unreadable
   */
  static void upload(
      TorchProgram program, QuantizedModel model, KvType kvType, List<Integer> windows) {
    TorchWeights weights = new TorchWeights(program, model);
    weights.numbers(kvType, windows);
    weights.constants();
    for (BlockParameters<QuantizedLinear> block : model.blocks()) {
      weights.block(block);
    }
    weights.table(model.embeddings());
    if (model.head() != model.embeddings()) {
      weights.table(model.head());
    }
    try (NDManager scope = program.manager().newSubManager()) {
      weights.norm(scope, model.finalNorm());
    }
  }

  private void numbers(KvType kvType, List<Integer> windows) {
    List<Integer> numbers = new ArrayList<>();
    numbers.add(spec.heads());
    numbers.add(spec.kvHeads());
    numbers.add(spec.headDim());
    numbers.add(spec.hidden());
    numbers.add(spec.layers());
    numbers.add(kvType == KvType.INT8 ? 1 : 0);
    numbers.add(model.activation() == ActivationMode.PER_TOKEN ? 1 : 0);
    numbers.add(TILE);
    numbers.add(FORMATS.indexOf(model.embeddings().format()));
    numbers.add(FORMATS.indexOf(model.head().format()));
    numbers.add(Stage.values().length * spec.layers());
    numbers.add(spec.vocabulary());
    for (Stage stage : Stage.values()) {
      numbers.add(WeightCheck.group(model, stage));
    }
    numbers.add(spec.intermediate());
    numbers.add(group(model.head()));
    numbers.add(windows.size());
    spec.windows().forEach(window -> numbers.add(windows.indexOf(window)));
    try (NDManager scope = program.manager().newSubManager(Device.cpu())) {
      NDArray array = scope.create(numbers.stream().mapToInt(Integer::intValue).toArray());
      program.call("set_numbers", new NDList(array), scope);
    }
  }

  /** Sets what is added to mean squares, then the constants of the exponential. */
  private void constants() {
    double[] exponential = Exponential.constants();
    double[] constants = new double[1 + exponential.length];
    constants[0] = spec.rmsEpsilon();
    System.arraycopy(exponential, 0, constants, 1, exponential.length);
    try (NDManager scope = program.manager().newSubManager()) {
      program.call("set_constants", new NDList(scope.create(constants)), scope);
    }
  }

  /** Returns the group of activations that meet the table; 1 if they are not rounded. */
  private static int group(TokenTable table) {
    if (table instanceof TokenTable.Int8Table int8) {
      return int8.group();
    }
    return table instanceof TokenTable.Int4 int4 ? int4.weight().group() : 1;
  }

  private void block(BlockParameters<QuantizedLinear> block) {
    for (Stage stage : Stage.values()) {
      List<QuantizedLinear> linears = new ArrayList<>();
      boolean biased = false;
      for (LinearRole role : stage.linears()) {
        linears.add(block.linear(role));
        biased |= block.biases().containsKey(role);
      }
      linear(linears, biased ? biases(block, stage) : NONE);
    }
    try (NDManager scope = program.manager().newSubManager()) {
      norm(scope, block.norm(NormRole.ATTENTION));
      norm(scope, block.norm(NormRole.MLP));
      if (spec.headNorms()) {
        NDArray q = scope.create(block.norm(NormRole.Q_HEAD), new Shape(1, spec.headDim()));
        NDArray k = scope.create(block.norm(NormRole.K_HEAD), new Shape(1, spec.headDim()));
        program.call("add_head_norms", new NDList(q, k), scope);
      } else {
        norm(scope, NONE);
      }
    }
  }

  private void norm(NDManager scope, float[] weight) {
    program.call("add_norm", new NDList(scope.create(weight, new Shape(weight.length))), scope);
  }

  private float[] biases(BlockParameters<QuantizedLinear> block, Stage stage) {
    int total = stage.linears().stream().mapToInt(spec::outputs).sum();
    float[] all = new float[total];
    int at = 0;
    for (LinearRole role : stage.linears()) {
      float[] bias = block.biases().getOrDefault(role, NONE);
      System.arraycopy(bias, 0, all, at, bias.length);
      at += spec.outputs(role);
    }
    return all;
  }

  /** Adds linears with the same input, one below the other. */
  private void linear(List<QuantizedLinear> parts, float[] bias) {
    QuantizedLinear first = parts.get(0);
    int[] sizes = new int[2 + parts.size()];
    sizes[0] = QuantizedLinear.paddedInputs(first.inputs(), first.group());
    sizes[1] = first.groups();
    NDList arguments = new NDList();
    List<OffHeap> staged = new ArrayList<>();
    try (NDManager scope = program.manager().newSubManager();
        NDManager cpu = scope.newSubManager(Device.cpu())) {
      for (QuantizedLinear part : parts) {
        arguments.add(named("codes[]", staged(scope, part.codes(), DataType.UINT8, staged)));
      }
      for (int i = 0; i < parts.size(); i++) {
        QuantizedLinear part = parts.get(i);
        arguments.add(named("grids[]", staged(scope, part.grids(), DataType.FLOAT16, staged)));
        sizes[2 + i] = part.outputs();
      }
      arguments.add(scope.create(bias, new Shape(bias.length)));
      arguments.add(cpu.create(sizes));
      program.call("add_linear", arguments, scope);
    } finally {
      staged.forEach(OffHeap::close);
    }
  }

  private void table(TokenTable table) {
    if (table instanceof TokenTable.Int4 int4) {
      linear(List.of(int4.weight()), NONE);
    } else if (table instanceof TokenTable.Int8Table int8) {
      int width = QuantizedLinear.paddedInputs(int8.width(), int8.group());
      table(table, width, int8.codes(), DataType.INT8, int8.scales());
    } else if (table instanceof TokenTable.Float16Table half) {
      table(table, half.width(), half.values(), DataType.FLOAT16, ByteBuffer.allocate(0));
    } else if (table instanceof TokenTable.Float32 single) {
      table(table, single.width(), single.values(), DataType.FLOAT32, ByteBuffer.allocate(0));
    }
  }

  private void table(
      TokenTable table, int width, ByteBuffer values, DataType type, ByteBuffer scales) {
    List<OffHeap> staged = new ArrayList<>();
    try (NDManager scope = program.manager().newSubManager();
        NDManager cpu = scope.newSubManager(Device.cpu())) {
      NDArray flat = staged(scope, values, type, staged);
      NDArray array = type == DataType.INT8 ? flat : flat.reshape(table.tokens(), width);
      NDArray factors = staged(scope, scales, DataType.FLOAT32, staged);
      NDArray sizes = cpu.create(new int[] {table.tokens(), width});
      program.call("add_table", new NDList(array, factors, sizes), scope);
    } finally {
      staged.forEach(OffHeap::close);
    }
  }

  /** Returns an array of a copy of {@code source}; on the CPU it shares the copy's memory. */
  private static NDArray staged(
      NDManager scope, ByteBuffer source, DataType type, List<OffHeap> staged) {
    OffHeap copy = OffHeap.allocate(source.remaining());
    staged.add(copy);
    copy.bytes().put(source.duplicate());
    long count = copy.bytes().remaining() / type.getNumOfBytes();
    return scope.create(copy.bytes(), new Shape(count), type);
  }

  private static NDArray named(String name, NDArray array) {
    array.setName(name);
    return array;
  }
}
