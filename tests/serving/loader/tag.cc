// Runs a SavedModel in the loader that TensorFlow Serving uses, without Python.
//
//     tag MODEL REQUESTS ANSWERS
//
// MODEL is the folder of a version. REQUESTS is a file of TFRecords, each a NamedTensorProto: the name of a signature
// with one input, and that input. ANSWERS is written likewise: for each request every output of its signature, by a name
// such as `0/tags`, in which the number is that of the request. All requests go to the same session.

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/lib/io/record_reader.h"
#include "tensorflow/core/lib/io/record_writer.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/platform/errors.h"
#include "tensorflow/core/protobuf/named_tensor.pb.h"

namespace {

using tensorflow::NamedTensorProto;
using tensorflow::SavedModelBundle;
using tensorflow::SignatureDef;
using tensorflow::Tensor;

absl::Status Answer(const SavedModelBundle& model, int number, const NamedTensorProto& request,
                    tensorflow::io::RecordWriter* answers) {
  const auto& signatures = model.GetSignatures();
  const auto found = signatures.find(request.name());
  if (found == signatures.end() || found->second.inputs_size() != 1) {
    return tensorflow::errors::NotFound("no signature of one input is called ", request.name());
  }
  Tensor input;
  if (!input.FromProto(request.tensor())) {
    return tensorflow::errors::InvalidArgument("a request that is no tensor");
  }
  const SignatureDef& signature = found->second;
  const std::map<std::string, tensorflow::TensorInfo> outputs(signature.outputs().begin(), signature.outputs().end());
  std::vector<std::string> fetched;
  for (const auto& [name, info] : outputs) fetched.push_back(info.name());
  std::vector<Tensor> values;
  TF_RETURN_IF_ERROR(
      model.GetSession()->Run({{signature.inputs().begin()->second.name(), input}}, fetched, {}, &values));
  auto value = values.begin();
  for (const auto& [name, info] : outputs) {
    NamedTensorProto answer;
    answer.set_name(std::to_string(number) + "/" + name);
    (value++)->AsProtoField(answer.mutable_tensor());
    TF_RETURN_IF_ERROR(answers->WriteRecord(answer.SerializeAsString()));
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& folder, const std::string& from, const std::string& to) {
  SavedModelBundle model;
  TF_RETURN_IF_ERROR(tensorflow::LoadSavedModel({}, {}, folder, {"serve"}, &model));
  std::unique_ptr<tensorflow::RandomAccessFile> requests;
  std::unique_ptr<tensorflow::WritableFile> answers;
  TF_RETURN_IF_ERROR(tensorflow::Env::Default()->NewRandomAccessFile(from, &requests));
  TF_RETURN_IF_ERROR(tensorflow::Env::Default()->NewWritableFile(to, &answers));
  tensorflow::io::SequentialRecordReader reader(requests.get());
  tensorflow::io::RecordWriter writer(answers.get());
  tensorflow::tstring record;
  absl::Status read;
  for (int number = 0; (read = reader.ReadRecord(&record)).ok(); ++number) {
    NamedTensorProto request;
    if (!request.ParseFromArray(record.data(), record.size())) {
      return tensorflow::errors::InvalidArgument("a record that is no request");
    }
    TF_RETURN_IF_ERROR(Answer(model, number, request, &writer));
  }
  if (!tensorflow::errors::IsOutOfRange(read)) return read;
  TF_RETURN_IF_ERROR(writer.Close());
  return answers->Close();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: tag MODEL REQUESTS ANSWERS" << std::endl;
    return 2;
  }
  const absl::Status status = Run(arguments[1], arguments[2], arguments[3]);
  if (!status.ok()) std::cerr << status.ToString() << std::endl;
  return status.ok() ? 0 : 1;
}
