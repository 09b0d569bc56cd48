package io.calm.serving.openai;

import com.google.gson.FormattingStyle;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.ChatTemplate;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.EmbeddedJson;
import io.calm.serving.reply.RequestFields;

/**
 * The arguments of tool calls in a chat. OpenAI's clients send them as JSON in a string, but most
 * templates print an object; each template gets its own form. As in llama.cpp, a string that is not
 * a JSON object stays as it is.
 */
final class ToolArguments {
  private static final String ARGUMENTS = "arguments";

  /** Writes JSON as Python's {@code json.dumps} does with {@code ensure_ascii=False}. */
  private static final Gson PYTHON =
      new GsonBuilder()
          .setFormattingStyle(FormattingStyle.COMPACT.withSpaceAfterSeparators(true))
          .serializeNulls()
          .disableHtmlEscaping()
          .create();

  private final ChatTemplate template;
  private final EmbeddedJson json;

  private ToolArguments(ChatTemplate template, EmbeddedJson json) {
    this.template = template;
    this.json = json;
  }

  /**
   * Converts arguments in {@code messages} to the form of a template, in place.
   *
   * @param charge grows by the estimated size of parsed arguments
   * @throws ApiException if arguments exceed a limit
   */
  static void convert(RequestFields fields, ChatTemplate template, ByteBudget.Charge charge) {
    if (fields.json().get("messages") instanceof JsonArray messages) {
      ToolArguments arguments = new ToolArguments(template, new EmbeddedJson(charge));
      for (int i = 0; i < messages.size(); i++) {
        if (messages.get(i) instanceof JsonObject message) {
          arguments.message("messages[%d]".formatted(i), message);
        }
      }
    }
  }

  private void message(String name, JsonObject message) {
    if (message.get("function_call") instanceof JsonObject function) {
      function(name + ".function_call", function);
    }
    if (message.get("tool_calls") instanceof JsonArray calls) {
      for (int i = 0; i < calls.size(); i++) {
        if (calls.get(i) instanceof JsonObject call
            && call.get("function") instanceof JsonObject function) {
          function("%s.tool_calls[%d].function".formatted(name, i), function);
        }
      }
    }
  }

  private void function(String name, JsonObject function) {
    JsonElement given = function.get(ARGUMENTS);
    if (given instanceof JsonPrimitive primitive && primitive.isString()) {
      if (template.argumentForm() == ChatTemplate.ArgumentForm.OBJECT) {
        String text = primitive.getAsString();
        json.object(name + "." + ARGUMENTS, text.isEmpty() ? "{}" : text)
            .ifPresent(object -> function.add(ARGUMENTS, object));
      }
    } else if (given instanceof JsonObject
        && template.argumentForm() == ChatTemplate.ArgumentForm.STRING) {
      function.addProperty(ARGUMENTS, PYTHON.toJson(given));
    }
  }
}
