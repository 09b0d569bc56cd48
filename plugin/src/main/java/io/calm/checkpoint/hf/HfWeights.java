package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.safetensors.SafetensorsFile;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.files.FileStamp;
import io.calm.text.Printable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The weights of a Hugging Face directory, in one file or in shards.
 *
 * @param table all tensors
 * @param stamps the files of the weights and their index, in a fixed order, as they were opened
 */
record HfWeights(TensorTable table, List<FileStamp> stamps) {
  private static final Logger logger = LoggerFactory.getLogger(HfWeights.class);
  private static final String SINGLE = "model.safetensors";
  private static final Pattern SHARD = Pattern.compile("[^/\\\\\\p{Cntrl}]{1,200}\\.safetensors");
  private static final String INDEX = "model.safetensors.index.json";

  /**
   * Opens the weights of a directory and reads their headers.
   *
   * @throws CheckpointException if they are missing, incomplete or damaged
   */
  static HfWeights open(Path directory) {
    Path single = directory.resolve(SINGLE);
    ForeignFiles.requireNone(single);
    if (Files.exists(single)) {
      CheckpointFile file = CheckpointFile.open(single);
      return new HfWeights(SafetensorsFile.read(file), List.of(file.stamp()));
    }
    Path index = directory.resolve(INDEX);
    if (Files.exists(index)) {
      return sharded(directory, index);
    }
    throw DirectoryDiagnosis.noWeights(directory);
  }

  private static HfWeights sharded(Path directory, Path index) {
    List<FileStamp> stamps = new ArrayList<>(List.of(CheckpointFile.stamp(index)));
    ConfigFields map =
        ConfigFields.read(index)
            .object("weight_map")
            .orElseThrow(
                () ->
                    CheckpointException.refused(
                        index + ": key weight_map",
                        "the shard of each tensor",
                        "nothing",
                        "download the file again"));
    TreeSet<String> shards = new TreeSet<>();
    for (String tensor : map.keys()) {
      shards.add(shardName(map, tensor));
    }
    List<StoredTensor> tensors = new ArrayList<>();
    for (String shard : shards) {
      Path path = directory.resolve(shard);
      ForeignFiles.requireNone(path);
      CheckpointFile file = CheckpointFile.open(path);
      stamps.add(file.stamp());
      tensors.addAll(SafetensorsFile.read(file).all());
      if (tensors.size() > SafetensorsFile.MAX_TENSORS) {
        throw CheckpointException.refused(
            index.toString(),
            "shards with at most %d tensors in all".formatted(SafetensorsFile.MAX_TENSORS),
            "more",
            "a model of this architecture has far fewer: download the files again");
      }
    }
    TensorTable table =
        TensorTable.merge(directory.toString(), withoutDuplicates(map, directory, tensors));
    Map<String, Path> missing = new TreeMap<>();
    for (String tensor : map.keys()) {
      Path shard = directory.resolve(shardName(map, tensor));
      if (table.find(tensor).isEmpty()) {
        missing.put(tensor, shard);
      } else {
        requireIn(table, tensor, shard);
      }
    }
    if (!missing.isEmpty()) {
      logger.info(
          "{}: {} of the listed tensors are missing from the shards, e.g. {}; the model loads"
              + " if it does not need them",
          Printable.of(index),
          missing.size(),
          Printable.of(missing.keySet().iterator().next()));
    }
    return new HfWeights(table.withMissing(missing), List.copyOf(stamps));
  }

  /** Returns the tensors without duplicates outside the shard that the index lists. */
  private static List<StoredTensor> withoutDuplicates(
      ConfigFields map, Path directory, List<StoredTensor> tensors) {
    Set<String> listed = new HashSet<>();
    for (StoredTensor tensor : tensors) {
      if (isInListedShard(map, directory, tensor)) {
        listed.add(tensor.name());
      }
    }
    return tensors.stream()
        .filter(
            tensor -> !listed.contains(tensor.name()) || isInListedShard(map, directory, tensor))
        .toList();
  }

  private static boolean isInListedShard(ConfigFields map, Path directory, StoredTensor tensor) {
    return map.has(tensor.name())
        && tensor.file().equals(directory.resolve(shardName(map, tensor.name())));
  }

  private static String shardName(ConfigFields map, String tensor) {
    String name = map.text(tensor).orElse("");
    if (!SHARD.matcher(name).matches()) {
      throw map.wrong(tensor, "the name of a .safetensors file beside the index", name);
    }
    return name;
  }

  private static void requireIn(TensorTable table, String tensor, Path shard) {
    if (!table.get(tensor).file().equals(shard)) {
      throw CheckpointException.refused(
          table.get(tensor).where(),
          "this tensor in " + shard,
          "another shard",
          "the shards and the index belong to different downloads: download them again");
    }
  }
}
