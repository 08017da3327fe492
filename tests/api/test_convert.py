"""Objects of NumPy, ASE and pymatgen as files."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dflow.convert import read_object, write_object

np = pytest.importorskip("numpy")
ase = pytest.importorskip("ase")
build = pytest.importorskip("ase.build")


@pytest.mark.parametrize("value", [np.arange(6).reshape(2, 3), np.float64(1.5), np.array(["a"])])
def test_arrays_go_to_npy(value, tmp_path):
    place = write_object(value, tmp_path / "new" / "x.npy")
    assert place == tmp_path / "new" / "x.npy"
    assert read_object(place).dtype == value.dtype
    assert np.array_equal(read_object(place), value)


def test_a_dict_of_arrays_goes_to_npz(tmp_path):
    value = {"e": np.arange(3.0), "n": np.array([1])}
    found = read_object(write_object(value, tmp_path / "x.npz"))
    assert {name: array.tolist() for name, array in found.items()} == {"e": [0, 1, 2], "n": [1]}


def test_objects_are_not_pickled_into_arrays(tmp_path):
    with pytest.raises(ValueError, match="pickle"):
        write_object(np.array([object()]), tmp_path / "x.npy")
    np.save(str(tmp_path / "y.npy"), np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        read_object(tmp_path / "y.npy")


@pytest.mark.parametrize("name", ["x.extxyz", "x.traj", "x.json", "x.cif", "POSCAR"])
def test_atoms_go_to_the_formats_of_ase(name, tmp_path):
    atoms = build.bulk("Cu", cubic=True)
    found = read_object(write_object(atoms, tmp_path / name))
    assert isinstance(found, ase.Atoms)
    assert np.allclose(found.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=1e-5)
    assert read_object(tmp_path / name, ase.Atoms) == found


def test_a_trajectory_is_a_list(tmp_path):
    frames = [build.bulk("Cu", a=3.6 + step / 10) for step in range(3)]
    place = write_object(frames, tmp_path / "x.extxyz")
    assert [frame.cell.volume for frame in read_object(place, list)] == pytest.approx([f.cell.volume for f in frames])
    assert read_object(place).cell.volume == pytest.approx(frames[-1].cell.volume)


@pytest.mark.parametrize(("value", "name"), [({"a": 1}, "x.npy"), ([1], "x.npz"), ("text", "x.extxyz"), (1, "x.json")])
def test_what_has_no_such_format_is_named(value, name, tmp_path):
    with pytest.raises(TypeError, match=type(value).__name__):
        write_object(value, tmp_path / name)


def test_another_class_than_the_wanted_one_is_named(tmp_path):
    write_object(build.bulk("Cu"), tmp_path / "x.json")
    with pytest.raises(TypeError, match="holds Atoms, not dict"):
        read_object(tmp_path / "x.json", dict)


def test_structures_of_pymatgen_go_to_json_and_to_their_own_formats(tmp_path):
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(core.Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    assert read_object(write_object(structure, tmp_path / "x.json")) == structure
    assert read_object(write_object(structure, tmp_path / "x.cif"), core.Structure).matches(structure)
    assert read_object(write_object(structure.lattice, tmp_path / "l.json"), core.Lattice) == structure.lattice


def test_no_library_is_imported_before_it_is_used():
    code = "import sys, dflow.convert; print([m for m in ('numpy', 'ase', 'monty') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
