package io.calm.checkpoint;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.checkpoint.hf.TinyHf;
import io.calm.checkpoint.open.Checkpoints;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Directories and files that are no model: the message names the cause. */
class ForeignDirectoriesTest {
  private static final String LFS =
      "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 7612864\n"
          .formatted("0".repeat(64));

  private static final String WEIGHTS = "model.safetensors";

  @TempDir private Path directory;

  private void write(String name, String text) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text, StandardCharsets.ISO_8859_1);
  }

  private void assertNoModel(String... parts) {
    assertRefused(() -> Checkpoints.open(directory), parts);
  }

  private static byte[] gzip() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(new byte[1000]);
    }
    return bytes.toByteArray();
  }

  private static Stream<Arguments> foreignContents() throws IOException {
    return Stream.of(
        Arguments.of(LFS, "a Git LFS pointer", "git lfs pull"),
        Arguments.of("\n<!DOCTYPE html>\n<html><body>Log in</body>", "an HTML page", "link"),
        Arguments.of("  <HTML lang=en>", "an HTML page", "download the file again"),
        Arguments.of("<?xml version=\"1.0\"?><Error/>", "an XML document", "download"),
        Arguments.of("Entry not found", "an error message", "download"),
        Arguments.of("Invalid username or password.", "an error message", "download"),
        Arguments.of(new String(gzip(), StandardCharsets.ISO_8859_1), "gzip data", "unpack it"),
        Arguments.of("PK\u0003\u0004 archive/data.pkl", "a zip archive", "safe_serialization"),
        Arguments.of("\u0080\u0002}q\u0000", "a Python pickle", "safe_serialization"),
        Arguments.of("\u0089HDF\r\n\u001a\n", "HDF5", "convert"),
        Arguments.of("/annex/objects/MD5E-s1--0", "a git-annex pointer", "git annex get"),
        Arguments.of("\0".repeat(4096), "zeros", "download the file again"),
        Arguments.of("", "an empty file", "download the file again"));
  }

  @ParameterizedTest
  @MethodSource("foreignContents")
  void whateverFileItIsInTheCauseIsNamed(String content, String cause, String remedy)
      throws IOException {
    for (String name :
        List.of(
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            WEIGHTS)) {
      new TinyHf().write(directory);
      write(name, content);
      assertNoModel(directory.resolve(name) + ": expected a model file", cause, remedy);
      if (name.equals("tokenizer.json")) {
        assertRefused(() -> Checkpoints.openTokenizer(directory), name, cause, remedy);
      }
      Files.delete(directory.resolve(name));
    }
    write("model.gguf", content);
    Path gguf = directory.resolve("model.gguf");
    assertRefused(() -> Checkpoints.open(gguf), gguf + ": expected", cause, remedy);
    write("weights", content);
    assertRefused(() -> Checkpoints.open(directory.resolve("weights")), cause, remedy);
  }

  @ParameterizedTest
  @ValueSource(strings = {"\u0080\u0004", "\u0080\u0005", "\u001f\u008b", "BZh"})
  void theLengthOfAHeaderMayLookLikeAnotherKindOfFile(String start) throws IOException {
    TinyHf model = new TinyHf();
    model.write(directory);
    ByteBuffer file =
        ByteBuffer.wrap(Files.readAllBytes(directory.resolve(WEIGHTS)))
            .order(ByteOrder.LITTLE_ENDIAN);
    int before = (int) file.getLong();
    byte[] length = new byte[Long.BYTES];
    System.arraycopy(start.getBytes(StandardCharsets.ISO_8859_1), 0, length, 0, start.length());
    int after = ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getInt();
    after += after < before ? 1 << 24 : 0;
    ByteBuffer padded = ByteBuffer.allocate(Long.BYTES + after + file.remaining() - before);
    padded.order(ByteOrder.LITTLE_ENDIAN).putLong(after);
    padded
        .put(file.array(), Long.BYTES, before)
        .put(" ".repeat(after - before).getBytes(StandardCharsets.US_ASCII));
    padded.put(file.array(), Long.BYTES + before, file.remaining() - before);
    Files.write(directory.resolve(WEIGHTS), padded.array());
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      assertEquals(10, checkpoint.spec().vocabulary());
    }
  }

  @Test
  void aForeignIndexOrShardIsNamed() throws IOException {
    new TinyHf().writeConfig(directory);
    write("model.safetensors.index.json", LFS);
    assertNoModel("index.json: expected", "a Git LFS pointer");
    write("model.safetensors.index.json", "{\"weight_map\": {\"x\": \"a.safetensors\"}}");
    write("a.safetensors", LFS);
    assertNoModel("a.safetensors: expected", "a Git LFS pointer");
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", "tokenizer.json", "chat_template.jinja", WEIGHTS})
  void aDirectoryOrDeviceInTheFilesPlaceIsNamed(String name) throws IOException {
    Path file = directory.resolve(name);
    new TinyHf().write(directory);
    Files.deleteIfExists(file);
    Files.createDirectory(file);
    assertNoModel(name + ": expected a regular file, got a directory");
    Files.delete(file);
    assumeTrue(Files.exists(Path.of("/dev/zero")), "this system has no /dev/zero");
    Files.createSymbolicLink(file, Path.of("/dev/zero"));
    assertNoModel(name + ": expected a regular file, got a device, pipe or socket");
  }

  @Test
  void textInAnotherEncodingIsNamed() throws IOException {
    Path config = new TinyHf().write(directory).resolve("config.json");
    Files.writeString(config, Files.readString(config), StandardCharsets.UTF_16);
    assertNoModel("config.json: expected a JSON object, got text that is not UTF-8");
  }

  @Test
  void aBrokenLinkIsNamed() throws IOException {
    Files.createSymbolicLink(directory.resolve("config.json"), directory.resolve("blobs/0"));
    assertNoModel("config.json", "a symbolic link whose target is missing", "cache");
    Files.delete(directory.resolve("config.json"));
    new TinyHf().writeConfig(directory);
    Files.createSymbolicLink(directory.resolve(WEIGHTS), directory.resolve("blobs/0"));
    assertNoModel(WEIGHTS, "a symbolic link whose target is missing");
  }

  @Test
  void shardsWithoutTheirIndex() throws IOException {
    TinyHf model = new TinyHf();
    model.writeConfig(directory);
    TinyHf.writeTensors(directory.resolve("model-00001-of-00002.safetensors"), model.tensors());
    assertNoModel(
        "the shards model-00001-of-00002.safetensors without their index",
        "download model.safetensors.index.json");
  }

  @Test
  void anAdapterAloneNamesItsBase() throws IOException {
    write("adapter_config.json", "{\"base_model_name_or_path\": \"org/base\\u001b[31m\"}");
    write("adapter_model.safetensors", "");
    assertNoModel(
        "a LoRA adapter (adapter_config.json) without its base model",
        "org/base",
        "merge_and_unload");
    new TinyHf().writeConfig(directory);
    assertNoModel("a LoRA adapter", "merge_and_unload");
  }

  @ParameterizedTest
  @ValueSource(strings = {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"})
  void anAdapterBesideItsBaseIsNotLeftOut(String name) throws IOException {
    new TinyHf().write(directory);
    Checkpoints.open(directory).close();
    write(name, "{}");
    assertNoModel("a LoRA adapter beside it (" + name + ")", "would change the answers", "merge");
  }

  private static Stream<Arguments> filesWithoutConfig() {
    return Stream.of(
        Arguments.of(
            "params.json consolidated.safetensors", "weights in the native format of Mistral"),
        Arguments.of("consolidated.00.pth", "weights in the native format of Mistral"),
        Arguments.of("model_index.json", "a diffusers pipeline"),
        Arguments.of("pytorch_model.bin", "only pytorch_model.bin, PyTorch weights"),
        Arguments.of("model.onnx model.onnx_data", "an ONNX model (model.onnx, model.onnx_data)"),
        Arguments.of("saved_model.pb", "a TensorFlow model (saved_model.pb)"),
        Arguments.of("tf_model.h5", "a TensorFlow model (tf_model.h5)"),
        Arguments.of("flax_model.msgpack", "a Flax model"),
        Arguments.of("openvino_model.xml openvino_model.bin", "an OpenVINO model"),
        Arguments.of("model.safetensors", "weights (model.safetensors) without config.json"),
        Arguments.of(
            "m-00001-of-00002.gguf m-00002-of-00002.gguf", "a GGUF model in parts (m-00001"),
        Arguments.of("a.gguf b.gguf", "2 .gguf files (a.gguf, b.gguf)"),
        Arguments.of("model.safetensors.incomplete", "an unfinished download"),
        Arguments.of("model.tar.gz", "an archive (model.tar.gz)"),
        Arguments.of("snapshots/abc/config.json", "the model in snapshots/abc"),
        Arguments.of("sub/model.gguf", "the model in sub"),
        Arguments.of("README.md", "neither"));
  }

  @ParameterizedTest
  @MethodSource("filesWithoutConfig")
  void directoriesWithoutConfigNameTheirKind(String names, String cause) throws IOException {
    for (String name : names.split(" ", -1)) {
      write(name, "x");
    }
    assertNoModel(directory + ": expected config.json, or one .gguf file, got " + cause);
  }

  private static Stream<Arguments> filesBesideConfig() {
    return Stream.of(
        Arguments.of("consolidated.safetensors", "weights in the native format of Mistral"),
        Arguments.of("pytorch_model-00001-of-00002.bin", "PyTorch weights"),
        Arguments.of("model.onnx", "an ONNX model"),
        Arguments.of("model-Q4_0.gguf", "only model-Q4_0.gguf; give the path of the .gguf file"),
        Arguments.of("weights.safetensors", "rename the model's weights to model.safetensors"),
        Arguments.of("model.safetensors.part", "an unfinished download"),
        Arguments.of("README.md", "no weights"));
  }

  @ParameterizedTest
  @MethodSource("filesBesideConfig")
  void configsWithoutWeightsNameWhatIsThere(String name, String cause) throws IOException {
    new TinyHf().writeConfig(directory);
    write(name, "x");
    assertNoModel("expected model.safetensors, or shards with", cause);
  }

  @Test
  void anEmptyDirectoryAndAMissingOne() {
    assertNoModel("an empty directory");
    assertRefused(() -> Checkpoints.open(directory.resolve("none")), "no such file");
  }

  @Test
  void aModelWithOtherFilesOpens() throws IOException {
    TinyHf model = new TinyHf();
    model.write(directory);
    for (String name : List.of("README.md", "model.onnx", "pytorch_model.bin", "params.json")) {
      write(name, "x");
    }
    TinyHf.writeTensors(directory.resolve("consolidated.safetensors"), Map.of());
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      assertEquals(1, checkpoint.spec().layers());
    }
  }
}
