package io.calm.artifact;

import io.calm.files.PrivateFiles;
import io.calm.search.QuantPlan;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The last steps of writing an artifact: the plan, the manifest, then one rename. Every file and
 * the directory are synced before the rename, so that a name that survives a power failure has its
 * bytes.
 */
record Publication(StoreFileSystem disk, ArtifactPaths paths) {

  Manifest.DataFile plan(QuantPlan plan) throws IOException {
    try (SectionWriter writer = new SectionWriter(disk, paths.temporary().resolve(Manifest.PLAN))) {
      ByteBuffer text = StandardCharsets.UTF_8.encode(PlanJson.write(plan));
      writer.write(Manifest.PLAN, text, List.of());
      return writer.finish();
    }
  }

  void manifest(Manifest manifest) throws IOException {
    byte[] bytes = Json.write(manifest).getBytes(StandardCharsets.UTF_8);
    writeFile(Manifest.NAME, bytes);
    writeFile(
        Manifest.CHECKSUM_NAME, Manifest.checksumText(bytes).getBytes(StandardCharsets.UTF_8));
  }

  private void writeFile(String name, byte[] bytes) throws IOException {
    try (WritableByteChannel channel = disk.create(paths.temporary().resolve(name))) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    }
  }

  /**
   * Publishes the directory.
   *
   * @param published names of files that another artifact has synced and sealed
   */
  void publish(Set<String> published) throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.list(paths.temporary())) {
      files = entries.filter(file -> !published.contains(file.getFileName().toString())).toList();
    }
    for (Path file : files) {
      disk.sync(file); // before its mode: it is opened to write
      PrivateFiles.seal(file);
    }
    disk.sync(paths.temporary());
    Files.move(paths.temporary(), paths.directory(), StandardCopyOption.ATOMIC_MOVE);
    disk.sync(paths.root());
  }
}
