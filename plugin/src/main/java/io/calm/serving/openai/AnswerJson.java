package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;

/**
 * A JSON text under construction, for large answers: a tree of all their values would take several
 * times the memory of the text. Single use.
 */
final class AnswerJson {
  private final StringWriter text = new StringWriter();
  private final JsonWriter writer = new JsonWriter(text);

  /** Writes a part with the library's writer. */
  private interface Part {
    void write() throws IOException;
  }

  /** Writes elements of an array or members of an object. */
  interface Content {
    void write();
  }

  private AnswerJson write(Part part) {
    try {
      part.write();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a text in memory has none
    }
    return this;
  }

  /** Begins a member; its value follows. */
  AnswerJson name(String name) {
    return write(() -> writer.name(name));
  }

  AnswerJson value(JsonElement value) {
    return write(() -> writer.jsonValue(value.toString()));
  }

  /** Writes all members of an object into the current one. */
  AnswerJson members(JsonObject object) {
    object.entrySet().forEach(member -> name(member.getKey()).value(member.getValue()));
    return this;
  }

  AnswerJson object(Content members) {
    return write(
        () -> {
          writer.beginObject();
          members.write();
          writer.endObject();
        });
  }

  AnswerJson array(Content elements) {
    return write(
        () -> {
          writer.beginArray();
          elements.write();
          writer.endArray();
        });
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
