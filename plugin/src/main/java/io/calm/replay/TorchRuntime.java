package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.BlockKernels;
import io.calm.kernels.Divergence;
import io.calm.kernels.KernelAlgebra;
import io.calm.kernels.SearchKernels;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.Parallel;
import io.calm.torch.TorchProgram;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The DJL PyTorch engine with the TorchScript methods of this project ({@code calm.py} in the
 * resources).
 *
 * <p>Matrices on the CPU share their memory with the engine, without a copy in either direction.
 * The algebra runs on the search kernels there, because the engine's order of sums depends on the
 * number of threads. With CUDA, the engine computes it: operands are copied to the device and
 * results back. Not thread safe.
 */
public final class TorchRuntime implements LinearAlgebra, AutoCloseable {
  private static final TorchProgram.Source PROGRAM =
      new TorchProgram.Source(TorchRuntime.class, "calm.py", "Calm");
  private static final TorchProgram.User SEARCH =
      new TorchProgram.User("the search", "start from a finished artifact");
  private static final boolean BFLOAT16 = bfloat16();

  private final TorchProgram program;
  private final NDManager manager;
  private final Parallel parallel;
  private final SearchKernels kernels;
  private final LinearAlgebra algebra;
  private final StageProducts products;

  private TorchRuntime(TorchProgram program, Parallel parallel, SearchKernels kernels) {
    this.program = program;
    this.parallel = parallel;
    this.kernels = kernels;
    this.manager = program.manager();
    Optional<BlockKernels> block = onCpu() ? kernels.block() : Optional.empty();
    this.algebra =
        block.isPresent() ? new KernelAlgebra(kernels, parallel) : new EngineAlgebra(this);
    this.products =
        block.isPresent()
            ? new KernelProducts(this, block.get(), kernels, parallel)
            : new EngineProducts(this);
  }

  /**
   * Loads the engine and the program, on the CPU if a CUDA device has no memory for it.
   *
   * @param threads threads of one operation; has no effect if the engine is loaded already
   * @param kernels for the W4A8 blocks, if they are native and the engine runs on the CPU
   * @throws io.calm.torch.EngineMissingException if the engine is not available; the message says
   *     what to install
   */
  public static TorchRuntime open(int threads, SearchKernels kernels) {
    TorchProgram program = TorchProgram.openAnywhere(PROGRAM, threads, SEARCH);
    return new TorchRuntime(program, new Parallel(threads), kernels);
  }

  /** Returns the manager that owns every array of this runtime. */
  NDManager manager() {
    return manager;
  }

  /**
   * Returns the products on the native kernels that serve, if they are on the same device as the
   * engine's arrays, otherwise those on the engine.
   */
  StageProducts products() {
    return products;
  }

  boolean onCpu() {
    return program.onCpu();
  }

  /** Calls one method of the program and returns its first result. */
  NDArray call(String method, NDArray... arguments) {
    return callAll(method, arguments).head();
  }

  /** Calls one method of the program and returns all its results. */
  NDList callAll(String method, NDArray... arguments) {
    return program.call(method, new NDList(arguments), manager);
  }

  /** Returns an array on the device; on the CPU it shares the matrix's memory. */
  NDArray array(Matrix matrix) {
    return manager.create(
        matrix.bytes(), new Shape(matrix.rows(), matrix.columns()), DataType.FLOAT32);
  }

  /** Returns a new float32 array that {@code fill} has written; closes it if this fails. */
  NDArray filled(Shape shape, Consumer<NDArray> fill) {
    try (Owned opening = new Owned()) {
      NDArray array = manager.create(shape, DataType.FLOAT32);
      opening.add(array, array::close);
      fill.accept(array);
      opening.handOver();
      return array;
    }
  }

  /** Returns zeros, on the CPU in the memory of an array. */
  Matrix zeros(int rows, int columns) {
    return matrix(manager.zeros(new Shape(rows, columns)), rows, columns);
  }

  /** Returns a vector on the device. */
  NDArray array(float[] vector) {
    return manager.create(vector);
  }

  /**
   * Returns the elements as a matrix [rows, columns] whose memory is the array's own on the CPU;
   * closing the matrix closes the array.
   */
  Matrix matrix(NDArray array, int rows, int columns) {
    if (onCpu()) {
      return Matrix.wrap(array.toByteBuffer(true), rows, columns, array::close);
    }
    Matrix copy = Matrix.allocate(rows, columns);
    ByteBuffer source = array.toByteBuffer();
    copy.bytes().put(source);
    array.close();
    return copy;
  }

  /**
   * Returns the elements for reading while the array is open. Closing the matrix does not close the
   * array.
   */
  Matrix view(NDArray array, int rows, int columns) {
    return onCpu()
        ? Matrix.wrap(array.toByteBuffer(true), rows, columns, () -> {})
        : matrix(array.duplicate(), rows, columns);
  }

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    return algebra.multiplyTransposed(a, b);
  }

  @Override
  public Matrix approximateProduct(Matrix a, Matrix b) {
    try (NDArray x = array(a);
        NDArray y = array(b)) {
      return matrix(call(fastLinear(), x, y), a.rows(), b.rows());
    }
  }

  /** Returns the method for products that need not be exact to float32. */
  String fastLinear() {
    return BFLOAT16 || !onCpu() ? "linear_bf16" : "linear";
  }

  /**
   * Returns whether bfloat16 products are faster than float32 ones. On other machines they are
   * emulated.
   */
  private static boolean bfloat16() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith("flags"))
          .findFirst()
          .map(line -> line.contains(" avx512_bf16") || line.contains(" amx_bf16"))
          .orElse(false);
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  @Override
  public void addProduct(Matrix target, float alpha, Matrix a, Matrix b) {
    algebra.addProduct(target, alpha, a, b);
  }

  /** Adds {@code x' y} to {@code sum} on the engine. */
  void addCross(Matrix sum, NDArray x, NDArray y) {
    try (NDArray c = array(sum);
        NDArray result = call("add_cross", c, x, y)) {
      if (!onCpu()) {
        sum.bytes().put(result.toByteBuffer());
      }
    }
  }

  /** Adds logits [T, n], float32, to a divergence. */
  void add(Divergence divergence, NDArray reference, NDArray candidate) {
    int rows = Math.toIntExact(reference.getShape().get(0));
    int width = Math.toIntExact(reference.getShape().get(1));
    try (Matrix a = view(reference, rows, width);
        Matrix b = view(candidate, rows, width)) {
      divergence.add(a, b, kernels, parallel);
    }
  }

  @Override
  public Optional<Matrix> inverseCholesky(Matrix h) {
    return algebra.inverseCholesky(h);
  }

  @Override
  public boolean divide(Matrix target, Matrix h) {
    return algebra.divide(target, h);
  }

  @Override
  public void close() {
    parallel.close();
    program.close();
  }
}
