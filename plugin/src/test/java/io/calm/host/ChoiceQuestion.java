package io.calm.host;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * A question with answers to choose from.
 *
 * @param gold which is right
 */
record ChoiceQuestion(String query, List<String> choices, int gold) {
  private static final List<ChoiceQuestion> OWN =
      List.of(
          of("Which command lists the files of a directory?", "ls", "a table", "the kernel"),
          of("What does a package manager install?", "packages", "mountains"),
          of("Where is the password file?", "/etc/passwd", "in the café — naïve", "😀"),
          of("The system administrator can", "mount a file system", "eat", "sing in the rain"),
          of("Which file says how the network is set up?", "interfaces", "rain", "a", "b"),
          of("A symbolic link points to", "another file", "nobody at all"));

  private static ChoiceQuestion of(String query, String... choices) {
    return new ChoiceQuestion("Question: " + query + "\nAnswer:", List.of(choices), 0);
  }

  /**
   * Returns questions of {@code directory}, a file {@code TASK.jsonl.gz} with a {@code doc} a line,
   * or the project's own where it is empty.
   *
   * @param max of each file
   */
  static List<ChoiceQuestion> read(String directory, int max) throws IOException {
    if (directory.isEmpty()) {
      return OWN;
    }
    List<ChoiceQuestion> questions = new ArrayList<>();
    try (var files = Files.newDirectoryStream(Path.of(directory), "*.jsonl.gz")) {
      for (Path file : files) {
        questions.addAll(ofFile(file, max));
      }
    }
    return questions;
  }

  private static List<ChoiceQuestion> ofFile(Path file, int max) throws IOException {
    Map<JsonElement, ChoiceQuestion> questions = new LinkedHashMap<>();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        JsonObject row = JsonParser.parseString(line).getAsJsonObject();
        if (!questions.containsKey(row.get("doc_id")) && questions.size() == max) {
          break;
        }
        questions.put(row.get("doc_id"), new Gson().fromJson(row.get("doc"), ChoiceQuestion.class));
      }
    }
    return List.copyOf(questions.values());
  }
}
