package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.safetensors.SafetensorsFile;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The weights of a Hugging Face directory, in one file or in shards.
 *
 * @param table all tensors
 * @param files the files that hold or list them, in a fixed order
 */
record HfWeights(TensorTable table, List<Path> files) {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  /**
   * Maps the weights of {@code directory}.
   *
   * @throws CheckpointException if they are missing, incomplete or damaged
   */
  static HfWeights open(Path directory) {
    Path single = directory.resolve(SINGLE);
    if (Files.exists(single)) {
      return new HfWeights(SafetensorsFile.open(single), List.of(single));
    }
    Path index = directory.resolve(INDEX);
    if (Files.exists(index)) {
      return sharded(directory, index);
    }
    throw CheckpointException.refused(
        directory.toString(),
        SINGLE + ", or shards with " + INDEX,
        present(directory),
        "convert PyTorch .bin files with transformers' save_pretrained(safe_serialization=True)");
  }

  private static String present(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      List<String> names =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.matches(".*\\.(safetensors|bin|pt|pth|gguf|h5|msgpack)"))
              .sorted()
              .limit(5)
              .toList();
      return names.isEmpty() ? "no weights" : "only " + names;
    } catch (IOException e) {
      return "no readable directory (" + e + ")";
    }
  }

  private static HfWeights sharded(Path directory, Path index) {
    JsonFields map =
        JsonFields.read(index)
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
    List<Path> files = new ArrayList<>(List.of(index));
    for (String shard : shards) {
      Path file = directory.resolve(shard);
      tensors.addAll(SafetensorsFile.open(file).all());
      files.add(file);
    }
    TensorTable table = TensorTable.merge(directory.toString(), tensors);
    for (String tensor : map.keys()) {
      requireIn(table, tensor, directory.resolve(shardName(map, tensor)));
    }
    return new HfWeights(table, List.copyOf(files));
  }

  private static String shardName(JsonFields map, String tensor) {
    String name = map.text(tensor).orElse("");
    if (!name.endsWith(".safetensors") || name.contains("/") || name.contains("\\")) {
      throw map.wrong(tensor, "the name of a .safetensors file beside the index", name);
    }
    return name;
  }

  private static void requireIn(TensorTable table, String tensor, Path shard) {
    if (!table.get(tensor).where().startsWith(shard + ":")) {
      throw CheckpointException.refused(
          table.get(tensor).where(),
          "it in " + shard,
          "it in another shard",
          "shards and index belong to different downloads: download them again");
    }
  }
}
