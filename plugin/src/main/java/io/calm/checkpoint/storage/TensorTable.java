package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The tensors of one file, or of all shards of a checkpoint, by name. Immutable. */
public final class TensorTable {
  private final String where;
  private final Map<String, StoredTensor> tensors;
  private final Map<String, Path> missing;

  private TensorTable(String where, Map<String, StoredTensor> tensors, Map<String, Path> missing) {
    this.where = where;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.missing = Map.copyOf(missing);
  }

  /**
   * Returns a copy of this table that knows tensors listed in an index but absent from their
   * shards. {@link #get} names the shard if such a tensor is requested.
   *
   * @param shards the listed shard of each missing tensor
   */
  public TensorTable withMissing(Map<String, Path> shards) {
    return new TensorTable(where, tensors, shards);
  }

  /**
   * Returns the table of one file.
   *
   * @param where the file, for error messages
   * @throws CheckpointException if two tensors have the same name or overlap
   */
  public static TensorTable of(String where, List<StoredTensor> tensors) {
    List<StoredTensor> sorted = new ArrayList<>(tensors);
    sorted.removeIf(tensor -> tensor.byteSize() == 0);
    sorted.sort(Comparator.comparingLong(StoredTensor::offset));
    for (int i = 1; i < sorted.size(); i++) {
      StoredTensor before = sorted.get(i - 1);
      StoredTensor tensor = sorted.get(i);
      if (tensor.offset() < before.offset() + before.byteSize()) {
        throw CheckpointException.refused(
            tensor.where(),
            "bytes that no other tensor uses",
            "an overlap with tensor " + before.name(),
            "the file is damaged: download it again");
      }
    }
    return merge(where, tensors);
  }

  /**
   * Returns the table of tensors that may come from several files.
   *
   * @throws CheckpointException if two tensors have the same name
   */
  public static TensorTable merge(String where, Collection<StoredTensor> tensors) {
    Map<String, StoredTensor> byName = new LinkedHashMap<>();
    for (StoredTensor tensor : tensors) {
      StoredTensor twin = byName.put(tensor.name(), tensor);
      if (twin != null) {
        throw CheckpointException.refused(
            tensor.where(),
            "one tensor of this name",
            "another in " + twin.where(),
            "the file is damaged: download it again");
      }
    }
    return new TensorTable(where, byName, Map.of());
  }

  public Collection<StoredTensor> all() {
    return tensors.values();
  }

  public Optional<StoredTensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /**
   * Returns the tensor {@code name}.
   *
   * @throws CheckpointException if it does not exist
   */
  public StoredTensor get(String name) {
    return find(name).orElseThrow(() -> absent(name));
  }

  private CheckpointException absent(String name) {
    Path shard = missing.get(name);
    if (shard != null) {
      return CheckpointException.refused(
          "%s: tensor %s".formatted(shard, Printable.of(name)),
          "this tensor in this shard, as the index lists it",
          "none of this name",
          "the shards and index belong to different downloads: download them again");
    }
    return CheckpointException.refused(
        "%s: tensor %s".formatted(where, Printable.of(name)),
        "this tensor",
        "none of this name among %d tensors".formatted(tensors.size()),
        "the checkpoint is incomplete or of another architecture");
  }

  /**
   * Returns the model weight {@code name}.
   *
   * @throws CheckpointException if it is missing, has another shape, or has a type that is not
   *     supported for weights
   */
  public StoredTensor weight(String name, List<Long> shape) {
    StoredTensor tensor = get(name);
    if (!tensor.shape().equals(shape)) {
      throw CheckpointException.refused(
          tensor.where(),
          "shape " + shape,
          tensor.shape(),
          "the configuration does not fit these weights");
    }
    if (!tensor.type().isWeight()) {
      throw CheckpointException.refused(
          tensor.where(),
          "F32, F16, BF16 or a supported GGUF type",
          tensor.type(),
          "convert the weights to BF16");
    }
    return tensor;
  }
}
