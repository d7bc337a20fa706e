"""Error messages say what, where and how to mend it."""

from sparse_mcu.costmodel.errors import ModelError


def test_message_has_place_fault_and_remedy() -> None:
    error = ModelError("the file is empty", where="a.onnx", fix="Export it again.")
    assert str(error) == "a.onnx: the file is empty. Export it again."
    assert (error.what, error.where, error.fix) == ("the file is empty", "a.onnx", "Export it again.")


def test_place_and_remedy_may_be_absent() -> None:
    assert str(ModelError("broken")) == "broken"
