*** Comments ***
Runs, under renode-test, the firmware whose replay script sparse-mcu wrote into FOLDER:

    renode-test --variable FOLDER:/abs/folder --variable END:0x8000044 --variable INSTRUCTIONS:205 firmware.robot

END and INSTRUCTIONS stand in the last comment of FOLDER/firmware.resc.

*** Test Cases ***
Firmware Reaches Its End After Exactly The Expected Instructions
    Execute Command                 include @${FOLDER}/firmware.resc
    ${halted}=                      Execute Command    cpu IsHalted
    Should Contain                  ${halted}    True
    ${pc}=                          Execute Command    cpu PC
    Should Be Equal As Integers     ${pc.strip()}    ${END}
    ${executed}=                    Execute Command    cpu ExecutedInstructions
    Should Be Equal As Integers     ${executed.strip()}    ${INSTRUCTIONS}
