// Runs a SavedModel in the loader that TensorFlow Serving uses, without Python.
//
//     tag MODEL REQUESTS ANSWERS
//
// MODEL is the folder of a version. REQUESTS is a file of requests, each the operation that takes the input, a tensor of
// strings, and the operation and the number of each output. ANSWERS is written likewise: the outputs of all requests, in
// their order. `test_cpp_loader.py` writes and reads these files. All requests go to the same session.
//
// The C interface of TensorFlow calls the same loader as TensorFlow Serving. Its header compiles in seconds.

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensorflow/c/c_api.h"

namespace {

void Check(const TF_Status* status) {
  if (TF_GetCode(status) != TF_OK) throw std::runtime_error(TF_Message(status));
}

class Reader {
 public:
  explicit Reader(const char* path) : file_(path, std::ios::binary) {}
  bool AtEnd() { return file_.peek() == EOF; }
  int64_t Number() {
    int64_t number;
    if (!file_.read(reinterpret_cast<char*>(&number), sizeof number)) throw std::runtime_error("a request is cut off");
    return number;
  }
  std::string Text() {
    std::string text(Number(), '\0');
    if (!file_.read(&text[0], text.size())) throw std::runtime_error("a request is cut off");
    return text;
  }

 private:
  std::ifstream file_;
};

void WriteNumber(std::ofstream& file, int64_t number) {
  file.write(reinterpret_cast<const char*>(&number), sizeof number);
}

void WriteText(std::ofstream& file, const char* text, size_t size) {
  WriteNumber(file, size);
  file.write(text, size);
}

// The shape, then the strings.
TF_Tensor* ReadStrings(Reader& requests) {
  std::vector<int64_t> shape(requests.Number());
  int64_t size = 1;
  for (int64_t& length : shape) size *= length = requests.Number();
  TF_Tensor* tensor = TF_AllocateTensor(TF_STRING, shape.data(), shape.size(), size * sizeof(TF_TString));
  auto* strings = static_cast<TF_TString*>(TF_TensorData(tensor));
  for (int64_t i = 0; i < size; ++i) {
    const std::string text = requests.Text();
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], text.data(), text.size());
  }
  return tensor;
}

// The number of the dtype, the shape, then the strings or the bytes of the numbers.
void WriteTensor(std::ofstream& answers, const TF_Tensor* tensor) {
  WriteNumber(answers, TF_TensorType(tensor));
  WriteNumber(answers, TF_NumDims(tensor));
  int64_t size = 1;
  for (int i = 0; i < TF_NumDims(tensor); ++i) {
    WriteNumber(answers, TF_Dim(tensor, i));
    size *= TF_Dim(tensor, i);
  }
  const auto* data = static_cast<const char*>(TF_TensorData(tensor));
  if (TF_TensorType(tensor) != TF_STRING) return WriteText(answers, data, TF_TensorByteSize(tensor));
  const auto* strings = reinterpret_cast<const TF_TString*>(data);
  for (int64_t i = 0; i < size; ++i) {
    WriteText(answers, TF_StringGetDataPointer(&strings[i]), TF_StringGetSize(&strings[i]));
  }
}

TF_Operation* Find(TF_Graph* graph, const std::string& name) {
  TF_Operation* operation = TF_GraphOperationByName(graph, name.c_str());
  if (operation == nullptr) throw std::runtime_error("no operation is called " + name);
  return operation;
}

void Run(const char* folder, const char* from, const char* to) {
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  const char* tags[] = {"serve"};
  TF_Session* session =
      TF_LoadSessionFromSavedModel(TF_NewSessionOptions(), nullptr, folder, tags, 1, graph, nullptr, status);
  Check(status);
  Reader requests(from);
  std::ofstream answers(to, std::ios::binary);
  while (!requests.AtEnd()) {
    const TF_Output input{Find(graph, requests.Text()), 0};
    TF_Tensor* given = ReadStrings(requests);
    std::vector<TF_Output> outputs(requests.Number());
    for (TF_Output& output : outputs) {
      output.oper = Find(graph, requests.Text());
      output.index = requests.Number();
    }
    std::vector<TF_Tensor*> values(outputs.size());
    TF_SessionRun(session, nullptr, &input, &given, 1, outputs.data(), values.data(), outputs.size(), nullptr, 0,
                  nullptr, status);
    Check(status);
    for (TF_Tensor* value : values) {
      WriteTensor(answers, value);
      TF_DeleteTensor(value);
    }
    TF_DeleteTensor(given);
  }
  answers.close();
  if (!answers) throw std::runtime_error("the answers cannot be written");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: tag MODEL REQUESTS ANSWERS" << std::endl;
    return 2;
  }
  try {
    Run(arguments[1], arguments[2], arguments[3]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
  return 0;
}
