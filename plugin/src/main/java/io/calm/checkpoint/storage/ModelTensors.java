package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.SourceCoverage;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.tensor.Float16;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tensors of a model, all present with the shapes that its {@link ModelSpec} requires. Thread
 * safe.
 */
public final class ModelTensors {
  private static final Logger logger = LoggerFactory.getLogger(ModelTensors.class);

  private final ModelSpec spec;
  private final TensorNames names;
  private final TensorTable table;
  private final RowOrder rotaryRows;
  private final Set<String> used = new HashSet<>();

  /**
   * Checks the tensors of a model. Logs a warning if it leaves out tensors whose effect is unknown.
   *
   * @param rotaryRows order in which the files store the rows of q and k
   * @param predictors number of blocks after the model's own that only predict tokens ahead; they
   *     are left out
   * @throws CheckpointException if a tensor is missing or has a wrong shape or type, or if there is
   *     a tensor that the architecture does not have and that cannot be ignored
   */
  public ModelTensors(
      ModelSpec spec, TensorNames names, TensorTable table, RowOrder rotaryRows, int predictors) {
    this.spec = spec;
    this.names = names;
    this.table = table;
    this.rotaryRows = rotaryRows;
    requireAll();
    refuseSurplus(predictors);
  }

  /** Closes the files of all tensors; later reads fail. */
  void close() {
    table.all().forEach(StoredTensor::closeFile);
  }

  private void requireAll() {
    require(names.embeddings(), spec.vocabulary(), spec.hidden());
    require(names.finalNorm(), spec.hidden());
    if (!spec.tiedEmbeddings()) {
      require(names.head(), spec.vocabulary(), spec.hidden());
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (LinearRole role : LinearRole.values()) {
        require(names.weight(layer, role), spec.outputs(role), spec.inputs(role));
        if (spec.biases().contains(role)) {
          require(names.bias(layer, role), spec.outputs(role));
        }
      }
      for (NormRole norm : spec.norms()) {
        require(names.norm(layer, norm), spec.width(norm));
      }
    }
  }

  private void refuseSurplus(int predictors) {
    List<StoredTensor> unknown = new ArrayList<>();
    for (StoredTensor tensor : table.all()) {
      if (used.contains(tensor.name())) {
        continue;
      }
      TensorNames.Surplus surplus = names.surplus(tensor.name(), spec.layers(), predictors);
      if (surplus == TensorNames.Surplus.REQUIRED) {
        throw CheckpointException.refused(
            tensor.where(),
            "a tensor of the architecture %s with %d blocks"
                .formatted(spec.architecture(), spec.layers()),
            "an unknown tensor",
            "ignoring it would change the answers: this variant of the architecture is not"
                + " supported, or the configuration has the wrong number of blocks");
      }
      if (surplus == TensorNames.Surplus.UNKNOWN) {
        unknown.add(tensor);
      }
    }
    if (!unknown.isEmpty()) {
      logger.warn(
          "{}: the architecture {} has no such tensor; ignoring it and {} more",
          Printable.of(unknown.get(0).where()),
          spec.architecture(),
          unknown.size() - 1);
    }
  }

  private void require(String name, long... shape) {
    table.weight(name, Arrays.stream(shape).boxed().toList());
    used.add(name);
  }

  private RowOrder order(LinearRole role) {
    return role == LinearRole.Q || role == LinearRole.K ? rotaryRows : RowOrder.AS_STORED;
  }

  /**
   * Reads every tensor of the model once and checks its values: weights of linears and tables are
   * finite in float16, norms and biases in float32.
   *
   * @param parallel number of threads that read
   * @param beforeEach called before each tensor; an exception ends the check
   * @throws CheckpointException for the first value outside, naming file, tensor and row
   */
  public void requireFinite(Parallel parallel, Runnable beforeEach) {
    for (StoredTensor tensor : table.all()) {
      if (used.contains(tensor.name())) {
        beforeEach.run();
        boolean isMatrix = tensor.shape().size() > 1;
        tensor.requireWithin(isMatrix ? Float16.MAX_VALUE : Float.MAX_VALUE, parallel);
      }
    }
  }

  /** Reads block {@code layer} as float32. */
  public BlockParameters<Matrix> block(int layer) {
    Map<LinearRole, Matrix> linears = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      linears.put(role, linear(layer, role));
    }
    return new BlockParameters<>(linears, biases(layer), norms(layer));
  }

  /** The same, with several linears at a time. */
  public BlockParameters<Matrix> block(int layer, Parallel parallel) {
    LinearRole[] roles = LinearRole.values();
    Matrix[] read = new Matrix[roles.length];
    parallel.ranges(
        roles.length,
        (from, to) -> {
          for (int i = from; i < to; i++) {
            read[i] = linear(layer, roles[i]);
          }
        });
    Map<LinearRole, Matrix> linears = new EnumMap<>(LinearRole.class);
    for (int i = 0; i < roles.length; i++) {
      linears.put(roles[i], read[i]);
    }
    return new BlockParameters<>(linears, biases(layer), norms(layer));
  }

  private Matrix linear(int layer, LinearRole role) {
    return table.get(names.weight(layer, role)).read(0, spec.outputs(role), order(role));
  }

  private Map<LinearRole, float[]> biases(int layer) {
    Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      if (spec.biases().contains(role)) {
        biases.put(role, table.get(names.bias(layer, role)).readVector(order(role)));
      }
    }
    return biases;
  }

  private Map<NormRole, float[]> norms(int layer) {
    Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);
    for (NormRole norm : spec.norms()) {
      norms.put(norm, vector(names.norm(layer, norm)));
    }
    return norms;
  }

  /** Reads the stored codes of a linear; empty unless it is Q4_0, Q4_1 or Q4_K. */
  public Optional<QuantizedMatrix> sourceCodes(int layer, LinearRole role) {
    StoredTensor tensor = table.get(names.weight(layer, role));
    return SourceCodes.isSource(tensor)
        ? Optional.of(SourceCodes.read(tensor, order(role)))
        : Optional.empty();
  }

  /** Counts the weights of the blocks by their 4-bit form. */
  public SourceCoverage sourceCoverage() {
    long exact = 0;
    long rounded = 0;
    long none = 0;
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (LinearRole role : LinearRole.values()) {
        StoredTensor tensor = table.get(names.weight(layer, role));
        long weights = tensor.rows() * tensor.columns();
        if (SourceCodes.isExact(tensor)) {
          exact += weights;
        } else if (SourceCodes.isSource(tensor)) {
          rounded += weights;
        } else {
          none += weights;
        }
      }
    }
    return new SourceCoverage(exact, rounded, none);
  }

  /** Reads rows {@code from} to {@code to} (exclusive) of the embedding table, [to - from, D]. */
  public Matrix embeddingRows(int from, int to) {
    return table.get(names.embeddings()).read(from, to, RowOrder.AS_STORED);
  }

  /** Reads rows of the lm_head, or of the embedding table if the two are tied. */
  public Matrix headRows(int from, int to) {
    return spec.tiedEmbeddings()
        ? embeddingRows(from, to)
        : table.get(names.head()).read(from, to, RowOrder.AS_STORED);
  }

  /** Reads the final norm's weight [D]. */
  public float[] finalNorm() {
    return vector(names.finalNorm());
  }

  private float[] vector(String name) {
    return table.get(name).readVector(RowOrder.AS_STORED);
  }

  /** Returns the model's topology. */
  public ModelSpec spec() {
    return spec;
  }
}
